import { type RawBuilder, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { type Bounds, boundExceeded } from "./bounds.ts";

/** Whose permissions a change may add to: who has some roles, some teams with their members, and some people. */
export interface Affected {
  roles?: readonly string[];
  teams?: readonly string[];
  profiles?: readonly string[];
}

/** The sizes of those who hold more than `permissionsPerPrincipal`, by the id of the team or profile. */
export type Oversized = ReadonlyMap<string, number>;

/**
 * Looks at those whom a change affects, before it is made. The result is called after it was made: it refuses the change
 * if one of them then holds more than the bound allows, and more than before. The locks of the change keep all of them
 * as they are.
 */
export async function watchHolders(
  tx: Tx,
  accountId: string,
  bounds: Bounds,
  affected: Affected,
): Promise<() => Promise<void>> {
  if (Object.keys(affected).length === 0) return () => Promise.resolve();
  const before = await oversized(tx, accountId, bounds, affected);
  return async () => {
    for (const [id, size] of await oversized(tx, accountId, bounds, affected)) {
      if (size > (before.get(id) ?? 0)) throw holdsTooMuch(bounds, id);
    }
  };
}

/** Which of some teams, or of an SQL array of teams, hold more than the bound allows, with their members. */
export function oversizedTeams(
  tx: Tx,
  accountId: string,
  bounds: Bounds,
  teams: readonly string[] | RawBuilder<unknown>,
): Promise<Oversized> {
  return oversized(tx, accountId, bounds, { teams });
}

/** Refuses to move somebody into a team that holds more than the bound allows, and more than their team so far. */
export function requireTeamWithin(bounds: Bounds, sizes: Oversized, teamId: string, before?: string): void {
  const size = sizes.get(teamId) ?? 0;
  if (size > (sizes.get(before ?? "") ?? 0)) throw holdsTooMuch(bounds, teamId);
}

function holdsTooMuch(bounds: Bounds, id: string) {
  return boundExceeded(bounds, "permissionsPerPrincipal", { held_by: id });
}

// One statement for however many hold a role. The permissions themselves are not looked at: each role is measured once.
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
