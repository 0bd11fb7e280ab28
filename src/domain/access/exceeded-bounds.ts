import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type BoundName, type Bounds, nameOfBound } from "./bounds.ts";

/** The count stops here, because a higher number would not matter to the operator. */
export const mostCounted = 1_000;

// For each bound, a statement that selects one row for each record above it.
const exceeding: Record<BoundName, (limit: number) => RawBuilder<unknown>> = {
  permissionsPerKey: (limit) =>
    sql`select from api_key where revoked_at is null and cardinality(permissions) > ${limit}`,
  labelBytesPerKey: (limit) => sql`
    select from api_key where revoked_at is null and (
      select sum(length(key) + length(value)) from jsonb_each_text(labels)
    ) > ${limit}`,
  permissionsPerRole: (limit) => sql`select from role where cardinality(permissions) > ${limit}`,
  rolesPerTeam: (limit) => sql`select from team_role group by account_id, team_id having count(*) > ${limit}`,
  rolesPerAccount: (limit) => sql`select from role group by account_id having count(*) > ${limit}`,
  teamsPerAccount: (limit) => sql`select from team group by account_id having count(*) > ${limit}`,
  serviceAccountsPerAccount: (limit) =>
    sql`select from service_account group by account_id having count(*) > ${limit}`,
  teamsPerProfile: (limit) =>
    sql`select from team_member group by account_id, profile_id having count(*) > ${limit}`,
  permissionsPerPrincipal: (limit) => sql`
    select from (
      select account_id, team_id as holder, role_id from team_role
      union
      select account_id, profile_id, role_id from membership
      union
      select m.account_id, m.profile_id, r.role_id
      from team_member m join team_role r on r.account_id = m.account_id and r.team_id = m.team_id
    ) held
    join role on role.account_id = held.account_id and role.id = held.role_id
    group by held.account_id, held.holder
    having sum(cardinality(role.permissions)) > ${limit}`,
  workspacesPerProfile: (limit) =>
    sql`select from workspace_grant group by account_id, profile_id having count(*) > ${limit}`,
  membershipsPerUser: (limit) => sql`
    select from (
      select user_id, account_id from membership
      union
      select i.user_id, g.account_id from guest g join identity i on i.id = g.identity_id
    ) accounts
    group by user_id having count(*) > ${limit}`,
  accountsPerUser: (limit) => sql`
    select from membership m
    join role r on r.account_id = m.account_id and r.id = m.role_id
    join account a on a.id = m.account_id
    where r.builtin = 'owner' and a.deleted_at is null
    group by m.user_id having count(*) > ${limit}`,
  tokensPerKey: (limit) => sql`select from api_key_token group by api_key_id having count(*) > ${limit}`,
  pendingInvitesPerAccount: (limit) => sql`
    select from invite
    where accepted_at is null and revoked_at is null and expires_at > clock_timestamp()
    group by account_id having count(*) > ${limit}`,
  gracePeriodsPerAccount: (limit) => sql`
    select from grace_period where ends_at > clock_timestamp()
    group by account_id having count(*) > ${limit}`,
  gracePeriodsPerPlatformKey: (limit) => sql`
    select from grace_period g
    join api_key k on k.id = g.made_by_key
    where g.ends_at > clock_timestamp() and g.account_id <> k.account_id
    group by g.made_by_key having count(*) > ${limit}`,
};

/**
 * Counts the records that are above each bound, with one statement per bound and at most `mostCounted` each. The count
 * is -1 if the statement runs out of time. Bounds that no record exceeds are left out.
 */
export async function countExceeded(db: Db, bounds: Bounds): Promise<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [bound, rows] of Object.entries(exceeding)) {
    const name = bound as BoundName;
    const count = await countOne(db, rows(bounds[name])).catch(() => -1);
    if (count !== 0) counts[nameOfBound(name)] = count;
  }
  return counts;
}

async function countOne(db: Db, exceeding: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    select count(*)::int as total from (${exceeding} limit ${mostCounted}) as exceeding`.execute(db);
  return rows[0]?.total ?? 0;
}
