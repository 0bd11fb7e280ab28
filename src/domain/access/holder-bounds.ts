import { type RawBuilder, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { type Bounds, boundExceeded } from "./bounds.ts";

/** The roles, teams and people whose holders may gain permissions by a change. A team counts with its members. */
export interface Affected {
  roles?: readonly string[];
  teams?: readonly string[];
  profiles?: readonly string[];
}

/** The number of permissions of each team or profile above `permissionsPerPrincipal`, by its id. */
export type Oversized = ReadonlyMap<string, number>;

/**
 * Measures the holders that a change affects, before the change is made. Call the returned function after the change.
 * It fails with `BOUND_EXCEEDED` if a holder then has more permissions than the bound allows, and more than before. The
 * locks of the change keep all of these holders as they are.
 */
export async function watchHolders(
  tx: Tx,
  accountId: string,
  bounds: Bounds,
  affected: Affected,
): Promise<() => Promise<void>> {
  const before = await oversizedHolders(tx, accountId, bounds, affected);
  return async () => refuseGrowth(bounds, before, await oversizedHolders(tx, accountId, bounds, affected));
}

/** Returns the holders that a change affects and that are above the bound now. */
export async function oversizedHolders(
  tx: Tx,
  accountId: string,
  bounds: Bounds,
  affected: Affected,
): Promise<Oversized> {
  return Object.keys(affected).length === 0 ? new Map() : oversized(tx, accountId, bounds, affected);
}

/** Fails with `BOUND_EXCEEDED` if a change leaves a holder above the bound and with more permissions than before. */
export function refuseGrowth(bounds: Bounds, before: Oversized, after: Oversized): void {
  for (const [id, size] of after) if (size > (before.get(id) ?? 0)) throw holdsTooMuch(bounds, id);
}

/**
 * Returns which of some teams have more permissions than the bound allows, with their members. `teams` may be an SQL
 * array.
 */
export function oversizedTeams(
  tx: Tx,
  accountId: string,
  bounds: Bounds,
  teams: readonly string[] | RawBuilder<unknown>,
): Promise<Oversized> {
  return oversized(tx, accountId, bounds, { teams });
}

/**
 * Fails if a service account would move to a team above the bound, unless its team so far has at least as many
 * permissions.
 */
export function requireTeamWithin(bounds: Bounds, sizes: Oversized, teamId: string, before?: string): void {
  const size = sizes.get(teamId) ?? 0;
  if (size > (sizes.get(before ?? "") ?? 0)) throw holdsTooMuch(bounds, teamId);
}

function holdsTooMuch(bounds: Bounds, id: string) {
  return boundExceeded(bounds, "permissionsPerPrincipal", { held_by: id });
}

// One statement, for any number of holders. It measures each role once and does not read the permissions themselves.
async function oversized(
  tx: Tx,
  accountId: string,
  bounds: Bounds,
  {
    roles = [],
    teams = [],
    profiles = [],
  }: Omit<Affected, "teams"> & {
    teams?: Affected["teams"] | RawBuilder<unknown>;
  },
): Promise<Oversized> {
  const { rows } = await sql<{ id: string; size: number }>`
    with measured as materialized (
      select id, cardinality(permissions) as size from role where account_id = ${accountId}
    ), team_affected as (
      select unnest(${teams}::text[]) as id
      union
      select team_id from team_role where account_id = ${accountId} and role_id = any (${roles}::text[])
    ), person as (
      select unnest(${profiles}::text[]) as id
      union
      select profile_id from membership where account_id = ${accountId} and role_id = any (${roles}::text[])
      union
      select x.profile_id from team_member x join team_affected t on t.id = x.team_id where x.account_id = ${accountId}
    ), held as (
      select t.id, x.role_id
      from team_affected t join team_role x on x.account_id = ${accountId} and x.team_id = t.id
      union
      select p.id, m.role_id
      from person p join membership m on m.account_id = ${accountId} and m.profile_id = p.id
      union
      select p.id, y.role_id
      from person p
      join team_member x on x.account_id = ${accountId} and x.profile_id = p.id
      join team_role y on y.account_id = ${accountId} and y.team_id = x.team_id
    )
    select held.id, sum(measured.size)::int as size
    from held join measured on measured.id = held.role_id
    group by held.id
    having sum(measured.size) > ${bounds.permissionsPerPrincipal}
    order by held.id`.execute(tx);
  return new Map(rows.map((row) => [row.id, row.size]));
}
