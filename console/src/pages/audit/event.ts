import type { AuditEvent } from "../../../gen/latchkey/v1/audit_event_pb.ts";

/** The fields of an audit event that its sentence and its changes need. */
export type Entry = Pick<
  AuditEvent,
  | "method"
  | "outcome"
  | "reason"
  | "profileId"
  | "keyId"
  | "resourceType"
  | "resourceId"
  | "via"
  | "before"
  | "after"
>;

/** The names of profiles, keys and resources by their ids. */
export type Names = Readonly<Record<string, string>>;

/** A piece of a sentence: text, a named thing, or a time. */
export type Part = string | { id: string; name: string } | { time: string };

/**
 * Returns the name of what an id means in an event. Without a current name, it is the name that the event itself recorded, and
 * else the id.
 */
export function nameIn(
  entry: Pick<Entry, "resourceId" | "before" | "after">,
  names: Names,
  id: string,
): string {
  const current = names[id];
  if (current) return current;
  const recorded = id === entry.resourceId && (entry.before?.name ?? entry.after?.name);
  return typeof recorded === "string" && recorded !== "" ? recorded : id;
}

/** Returns the current names together with the last names that events recorded of what no longer exists. */
export function withRecordedNames(entries: readonly Entry[], names: Names): Names {
  const recorded: Record<string, string> = {};
  // Newest first, so the first name of a resource is the last that it had.
  for (const { resourceId, before, after } of entries) {
    const name = after?.name ?? before?.name;
    if (typeof name === "string" && name !== "") recorded[resourceId] ??= name;
  }
  return { ...recorded, ...names };
}
