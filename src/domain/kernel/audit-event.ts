import { isDeepStrictEqual } from "node:util";
import { type RawBuilder, type Selectable, type SqlBool, sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import type { Call, Caller } from "../access/principal.ts";
import { newId } from "./id.ts";
import { filterOf, type Page, type PageInput, page } from "./list.ts";

/** An audit event as it is stored. */
export type AuditEvent = Selectable<Database["audit_event"]>;

/** The fields of a resource in an event. They never include a token or its hash. */
export type Fields = Record<string, unknown>;

/** A change of one resource. It holds only the fields that changed. A creation has no `before`. */
export interface Change {
  resourceType: string;
  resourceId: string;
  before?: Fields;
  after?: Fields;
}

/** The account and profile under which an event is recorded. */
export interface Actor {
  accountId: string;
  profileId: string;
  keyId?: string;
  /** `platform` if the platform account acts in another account. */
  via?: "platform";
}

/** Writes events in the transaction of the change that they describe. */
export async function recordEvents(tx: Tx, call: Call, events: readonly (Actor & Change)[]): Promise<void> {
  if (events.length > 0) await insertEvents(call, events).execute(tx);
}

/** Returns the statement that writes events. Its text is always the same, so each connection prepares it once. */
export function insertEvents(
  { method, requestId, clientAddress }: Call,
  events: readonly (Actor & Change)[],
): RawBuilder<unknown> {
  const rows = JSON.stringify(events.map(toRow));
  return sql`
    insert into audit_event (id, account_id, profile_id, key_id, method, outcome, resource_type, resource_id,
      before, after, request_id, client_address, via)
    select id, account_id, profile_id, key_id, ${method}, 'done', resource_type, resource_id,
      before, after, ${requestId}, ${clientAddress}, via
    from jsonb_to_recordset(${rows}::jsonb) as event (id text, account_id text, profile_id text, key_id text,
      resource_type text, resource_id text, before jsonb, after jsonb, via text)`;
}

function toRow(event: Actor & Change) {
  return {
    id: newId("evt"),
    account_id: event.accountId,
    profile_id: event.profileId,
    key_id: event.keyId ?? "",
    resource_type: event.resourceType,
    resource_id: event.resourceId,
    before: event.before,
    after: event.after,
    via: event.via ?? "",
  };
}

/** Returns the fields that differ, before and after, or undefined if no field differs. */
export function difference(
  before: Fields,
  after: Fields,
): Required<Pick<Change, "before" | "after">> | undefined {
  // The comparison is deep and ignores the order of labels, because Postgres stores them in its own order.
  const changed = Object.keys(after).filter((key) => !isDeepStrictEqual(before[key], after[key]));
  if (changed.length === 0) return undefined;
  const pick = (fields: Fields) => Object.fromEntries(changed.map((key) => [key, fields[key] ?? null]));
  return { before: pick(before), after: pick(after) };
}

/** The filter of a list of events. An empty string does not filter. */
export interface AuditFilter extends PageInput {
  resourceId: string;
  resourceType: string;
  profileId: string;
  keyId: string;
  method: string;
  startTime: Date | undefined;
  endTime: Date | undefined;
}

/** Lists the events of the caller's account. */
export async function listAuditEvents(
  db: Db,
  caller: Caller,
  filter: AuditFilter,
): Promise<Page<AuditEvent>> {
  const events = db.selectFrom("audit_event").selectAll().where("account_id", "=", caller.accountId);
  // Each of these columns has an index. The first filter uses its index. Postgres compares the others row by row.
  const indexed = [
    filter.resourceId && sql<SqlBool>`resource_id = ${filter.resourceId}`,
    filter.keyId && sql<SqlBool>`key_id = ${filter.keyId}`,
    filter.profileId && sql<SqlBool>`profile_id = ${filter.profileId}`,
    filter.resourceType && sql<SqlBool>`resource_type = ${filter.resourceType}`,
    filter.method && sql<SqlBool>`method = ${filter.method}`,
  ].filter((condition) => typeof condition === "object");
  const [first, ...others] = indexed;
  const fits = filterOf([
    ...others,
    filter.startTime && sql<SqlBool>`created_at >= ${filter.startTime}`,
    filter.endTime && sql<SqlBool>`created_at < ${filter.endTime}`,
  ]);
  return page(db, first ? events.where(first) : events, "audit_event.id", filter, fits);
}

/** Returns some fields of a row. */
export function pick<T, K extends keyof T>(row: T, keys: readonly K[]): Pick<T, K> {
  return Object.fromEntries(keys.map((key) => [key, row[key]])) as Pick<T, K>;
}
