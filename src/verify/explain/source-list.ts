import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { claimedRoles } from "../../domain/access/external-issuer.ts";
import type { Principal } from "../../domain/access/principal.ts";
import type { Evaluation } from "../evaluate/evaluate.ts";

/** The kind of a list that permissions come from. */
export type SourceKind = "own_list" | "role" | "team" | "claimed_role";

/** A list that a bearer holds permissions by: the own list of its key, or a role. */
export interface SourceList {
  kind: SourceKind;
  /** The key or the role. */
  id: string;
  name: string;
  /** The team, if the list is a role of a team. */
  teamId: string | null;
  teamName: string | null;
  permissions: readonly string[];
}

/** The lists of one bearer. `complete` is false if there are more of them than the bound allows. */
export interface SourceLists {
  lists: SourceList[];
  complete: boolean;
}

/** How much one call may read. The bearers of the call share it equally. */
const maxLists = 256;
const maxListedPermissions = 32_768;

interface Row extends SourceList {
  position: number;
  count: number;
  size: number;
}

/**
 * Reads the lists that the permissions of bearers come from, by one statement. Returns them in the order of the evaluations,
 * each of which must have a principal.
 */
export async function readSourceLists(
  db: Db,
  bearers: readonly { evaluation: Evaluation; principal: Principal }[],
): Promise<SourceLists[]> {
  if (bearers.length === 0) return [];
  const lists = Math.ceil(maxLists / bearers.length);
  const permissions = Math.ceil(maxListedPermissions / bearers.length);
  const text = (of: (bearer: (typeof bearers)[number]) => string | undefined) =>
    bearers.map((one) => of(one) ?? "");
  const { rows } = await sql<Row>`
    select wanted.position::int as position, s.*
    from unnest(
      ${text(({ principal }) => principal.accountId)}::text[], ${text(({ principal }) => principal.keyId)}::text[],
      ${text(({ principal }) => principal.profile.id)}::text[],
      ${text(({ evaluation }) => claimedIds(evaluation).join(","))}::text[]
    ) with ordinality as wanted (account_id, key_id, profile_id, claimed_ids, position)
    cross join lateral (
      select *, (row_number() over (order by rank, "teamId", id))::int as count,
        (sum(cardinality(permissions)) over (order by rank, "teamId", id))::int as size
      from (
        select 1 as rank, 'own_list' as kind, k.id, k.name, null as "teamId", null as "teamName", k.permissions
        from api_key k
        where k.account_id = wanted.account_id and k.id = wanted.key_id
        union all
        select 2, 'role', r.id, r.name, null, null, r.permissions
        from membership m
        join role r on r.account_id = m.account_id and r.id = m.role_id
        where m.account_id = wanted.account_id and m.profile_id = wanted.profile_id
        union all
        select 3, 'team', r.id, r.name, t.id, t.name, r.permissions
        from (
          select tm.team_id from team_member tm
          where tm.account_id = wanted.account_id and tm.profile_id = wanted.profile_id
          union
          select sa.team_id from service_account sa
          where sa.account_id = wanted.account_id and sa.profile_id = wanted.profile_id
        ) mine
        join team t on t.account_id = wanted.account_id and t.id = mine.team_id
        join team_role tr on tr.account_id = wanted.account_id and tr.team_id = mine.team_id
        join role r on r.account_id = wanted.account_id and r.id = tr.role_id
        union all
        select 4, 'claimed_role', r.id, r.name, null, null, r.permissions
        from role r
        where r.account_id = wanted.account_id and r.id = any (string_to_array(wanted.claimed_ids, ','))
      ) one
      order by count
      limit ${lists + 1}
    ) s
    where s.size - cardinality(s.permissions) <= ${permissions}
    order by wanted.position, s.count`.execute(db);
  const read: SourceLists[] = bearers.map(() => ({ lists: [], complete: true }));
  for (const row of rows) {
    const one = read[row.position - 1];
    // The first row beyond a bound is read only to know that there is one.
    if (one && row.count <= lists && row.size <= permissions) one.lists.push(row);
    else if (one) one.complete = false;
  }
  return read;
}

function claimedIds(evaluation: Evaluation): string[] {
  return claimOf(evaluation)?.roles.map(({ id }) => id) ?? [];
}

/** Returns the roles that the token of an external issuer claims in its account, and the role that limits them. */
export function claimOf({ external, basis, principal }: Evaluation) {
  if (!external) return undefined;
  const opening = basis?.credential?.openings.find((one) => one.account_id === principal?.accountId);
  return claimedRoles(external.claimed)(opening?.roles ?? []);
}
