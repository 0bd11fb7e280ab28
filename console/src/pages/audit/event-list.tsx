import { timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { useId, useState } from "react";
import { type AuditEvent, AuditOutcome } from "../../../gen/latchkey/v1/audit_event_pb.ts";
import { Named } from "../../parts/links.tsx";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { CopyText } from "../../ui/copy.tsx";
import { Icon } from "../../ui/icon.tsx";
import { Facts } from "../../ui/layout.tsx";
import { exactTime, Time } from "../../ui/time.tsx";
import { changesOf, type FieldChange } from "./changes.ts";
import { type Names, nameIn, type Part } from "./event.ts";
import type { AuditFilter } from "./filter.ts";
import { sentenceOfEvent, textOf } from "./sentence.ts";

interface Props {
  names: Names;
  /** Shows only some events. */
  onShow(part: Partial<AuditFilter>): void;
}

/** Audit events as sentences. Each one unfolds to its details. */
export function EventList({ events, ...props }: Props & { events: readonly AuditEvent[] }) {
  return (
    <ol className="events" aria-label="Events">
      {events.map((event) => (
        <li key={event.id}>
          <Event event={event} {...props} />
        </li>
      ))}
    </ol>
  );
}

function Event({ event, names, onShow }: Props & { event: AuditEvent }) {
  const [open, setOpen] = useState(false);
  const id = useId();
  const sentence = sentenceOfEvent(event, names);
  const refused = event.outcome === AuditOutcome.REFUSED;
  return (
    <>
      <div className="event">
        <button
          type="button"
          className="unfold"
          aria-expanded={open}
          aria-controls={id}
          aria-label={`Details: ${textOf(sentence)}`}
          onClick={() => setOpen(!open)}
        >
          <Icon name="right" />
        </button>
        <span className="sentence">
          {sentence.map((part, index) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: the parts of a sentence have no other identity
            <PartView key={index} part={part} />
          ))}
          {event.count > 1 && <Badge>{`${event.count} times`}</Badge>}
          {refused && <Badge tone="danger">{event.reason || "refused"}</Badge>}
        </span>
        <Time value={event.createdAt} />
      </div>
      <div id={id} className="event-details" hidden={!open}>
        {open && (
          <>
            <Changes changes={changesOf(event, names)} />
            <Details event={event} names={names} onShow={onShow} />
          </>
        )}
      </div>
    </>
  );
}

function PartView({ part }: { part: Part }) {
  if (typeof part === "string") return part;
  if ("time" in part) return <Time value={timestampFromDate(new Date(part.time))} />;
  return <Named id={part.id} name={part.name} />;
}

function Changes({ changes }: { changes: readonly FieldChange[] }) {
  if (changes.length === 0) return null;
  return (
    <dl className="facts changes">
      {changes.map(({ field, before, after, added = [], removed = [] }) => (
        <div key={field}>
          <dt>{field}</dt>
          <dd>
            {removed.map((one) => (
              <del key={one}>{one}</del>
            ))}
            {added.map((one) => (
              <ins key={one}>{one}</ins>
            ))}
            {before !== undefined && <del>{before}</del>}
            {after !== undefined && <ins>{after}</ins>}
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Details({ event, names, onShow }: Props & { event: AuditEvent }) {
  const { resourceId, profileId, keyId } = event;
  const facts: (readonly [string, string])[] = [
    ["Time", event.createdAt ? exactTime(timestampDate(event.createdAt)) : ""],
    ["Call", event.method],
    ["Client address", event.clientAddress],
    ["Request", event.requestId],
  ];
  const shown = facts.filter(([, value]) => value !== "");
  return (
    <>
      <Facts
        facts={[
          ...shown.map(([name, value]) => [name, <code key={name}>{value}</code>] as const),
          ["Event", <CopyText key="event" label="id of the event" text={event.id} />],
        ]}
      />
      <div className="actions start">
        {resourceId !== "" && (
          <Button size="small" onClick={() => onShow({ resource: resourceId, type: "", method: "" })}>
            All about {nameIn(event, names, resourceId)}
          </Button>
        )}
        {profileId !== "" && (
          <Button size="small" onClick={() => onShow({ profile: profileId, type: "", method: "" })}>
            All by {nameIn(event, names, profileId)}
          </Button>
        )}
        {keyId !== "" && (
          <Button size="small" onClick={() => onShow({ key: keyId, type: "", method: "" })}>
            All with this key
          </Button>
        )}
      </div>
    </>
  );
}
