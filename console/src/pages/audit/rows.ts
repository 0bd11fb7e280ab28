import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { AuditEvent } from "../../../gen/latchkey/v1/audit_event_pb.ts";
import { type Names, nameIn } from "./event.ts";
import { sentenceOfEvent, textOf } from "./sentence.ts";

/** The header of an export of audit events as CSV. */
export const header = [
  "time",
  "event",
  "outcome",
  "reason",
  "count",
  "method",
  "profile_id",
  "profile",
  "key_id",
  "key",
  "resource_type",
  "resource_id",
  "resource",
  "before",
  "after",
  "client_address",
  "request_id",
  "via",
  "id",
] as const;

/** Returns the row of an event in an export as CSV. */
export function rowOf(event: AuditEvent, names: Names): readonly string[] {
  const name = (id: string) => (id === "" ? "" : nameIn(event, names, id));
  return [
    event.createdAt ? timestampDate(event.createdAt).toISOString() : "",
    textOf(sentenceOfEvent(event, names)),
    event.outcome === 2 ? "refused" : "done",
    event.reason,
    String(event.count),
    event.method,
    event.profileId,
    name(event.profileId),
    event.keyId,
    name(event.keyId),
    event.resourceType,
    event.resourceId,
    name(event.resourceId),
    event.before ? JSON.stringify(event.before) : "",
    event.after ? JSON.stringify(event.after) : "",
    event.clientAddress,
    event.requestId,
    event.via,
    event.id,
  ];
}
