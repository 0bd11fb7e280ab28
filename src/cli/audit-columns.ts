import { type AuditEvent, AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import type { Column } from "./grid.ts";
import { timeText, visible, wordOf } from "./text.ts";

type Names = Readonly<Record<string, string>>;

/** Returns the columns of a table of audit events. `names` has the current names of ids. */
export function eventColumns(names: Names): Column<AuditEvent>[] {
  return [
    { title: "time", value: ({ createdAt }) => timeText(createdAt) },
    { title: "who", value: (event) => actorOf(event, names) },
    {
      title: "method",
      value: ({ method }) => method.replace("latchkey.v1.", ""),
      // The service is that of the resource.
      short: ({ method }) => method.replace(/^.*\//, ""),
    },
    {
      title: "resource",
      value: (event) => resourceOf(event, names),
      short: ({ resourceId, resourceType }) => names[resourceId] || resourceType,
    },
    {
      title: "outcome",
      whole: true,
      value: outcomeOf,
      short: ({ outcome }) => wordOf(AuditOutcome, outcome),
    },
    { title: "address", whole: true, extra: true, value: ({ clientAddress }) => clientAddress },
  ];
}

/** Returns an event as one line, for a list that has no end. */
export function eventLine(event: AuditEvent, names: Names): string {
  const cells = eventColumns(names).map(({ value }) => visible(value(event)));
  return cells.filter((cell) => cell !== "").join("  ");
}

function actorOf({ profileId, keyId, via }: AuditEvent, names: Names): string {
  const profile = names[profileId] ?? profileId;
  const key = keyId === "" ? "" : ` with ${names[keyId] ?? keyId}`;
  return `${via === "" ? profile : `${profile} (${via})`}${key}`;
}

function resourceOf({ resourceType, resourceId }: AuditEvent, names: Names): string {
  const name = names[resourceId];
  return [resourceType, name === undefined ? "" : JSON.stringify(name), resourceId]
    .filter((one) => one !== "")
    .join(" ");
}

function outcomeOf({ outcome, reason, count }: AuditEvent): string {
  const words = reason === "" ? wordOf(AuditOutcome, outcome) : `${wordOf(AuditOutcome, outcome)} ${reason}`;
  return count > 1 ? `${words}, ${count} times` : words;
}
