import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { holds } from "../access/permission.ts";
import type { Caller } from "../access/principal.ts";
import type { AuditEvent } from "./audit-event.ts";

// The kinds of resources with a name: the prefix of the id, the table, the permission to read it, and the name.
const kinds = [
  { prefix: "prof", table: "profile", permission: "profiles:read", name: "name" },
  { prefix: "key", table: "api_key", permission: "api_keys:read", name: "name" },
  { prefix: "ws", table: "workspace", permission: "workspaces:read", name: "name" },
  { prefix: "team", table: "team", permission: "teams:read", name: "name" },
  { prefix: "role", table: "role", permission: "roles:read", name: "name" },
  { prefix: "sa", table: "service_account", permission: "service_accounts:read", name: "name" },
  { prefix: "inv", table: "invite", permission: "invites:read", name: "email" },
] as const;

const idPattern = /^([a-z]{2,4})_[0-9a-z]{26}$/;
// A page has at most 200 events, and an event of an invite has up to 100 workspaces. The ids beyond the maximum have no name.
const maxIds = 2_000;

/**
 * Returns the current names of resources of the caller's account, by id. It contains only names that the caller may read, and
 * none of what no longer exists. This is one statement.
 */
export async function namesOf(
  db: Db,
  caller: Caller,
  ids: Iterable<string>,
): Promise<Record<string, string>> {
  const byPrefix = Map.groupBy(ids, (id) => id.slice(0, id.indexOf("_")));
  const selects = kinds.flatMap(({ prefix, table, permission, name }) => {
    const own = byPrefix.get(prefix);
    return own && holds(caller.permissions, permission) ? [namesIn(caller, table, name, own)] : [];
  });
  if (selects.length === 0) return {};
  const { rows } = await sql<{ id: string; name: string }>`${sql.join(selects, sql` union all `)}`.execute(
    db,
  );
  return Object.fromEntries(rows.map(({ id, name }) => [id, name]));
}

function namesIn(caller: Caller, table: string, name: string, ids: readonly string[]): RawBuilder<unknown> {
  return sql`
    select id, ${sql.ref(name)} as name from ${sql.table(table)}
    where account_id = ${caller.accountId} and id = any(${ids})`;
}

/** Returns the distinct ids in events: first those of actors and resources, then those in values, up to a maximum. */
export function idsIn(
  events: readonly Pick<AuditEvent, "profile_id" | "key_id" | "resource_id" | "before" | "after">[],
): ReadonlySet<string> {
  const found = new Set<string>();
  const add = (value: unknown) => {
    if (typeof value === "string" && idPattern.test(value) && found.size < maxIds) found.add(value);
  };
  for (const { profile_id, key_id, resource_id } of events) [profile_id, key_id, resource_id].forEach(add);
  for (const { before, after } of events) {
    for (const fields of [before, after])
      Object.values(fields ?? {})
        .flat()
        .forEach(add);
  }
  return found;
}
