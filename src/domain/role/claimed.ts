import { sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { type ClaimingIssuer, speaksFor } from "../access/external-issuer.ts";

/** An account, and the issuers whose tokens may claim roles in it. */
export interface ClaimedIn {
  accountId: string;
  issuers: readonly ClaimingIssuer[];
}

/** Returns the issuers whose tokens may claim roles in an account. */
export function claimedIn(
  issuers: readonly ClaimingIssuer[],
  account: { accountId: string; platform: boolean },
): ClaimedIn {
  const { accountId, platform } = account;
  return {
    accountId,
    issuers: issuers.filter(({ scope }) => speaksFor(scope, { id: accountId, platform })),
  };
}

/** Returns the workspaces of the people who may claim a role for one request. */
export async function workspacesOfExternalUsers(
  db: Db,
  { accountId, issuers }: ClaimedIn,
): Promise<"all" | string[]> {
  if (issuers.length === 0) return [];
  const { rows } = await sql<{ all: boolean | null; workspaces: string[] }>`
    with person as materialized (
      select m.profile_id, r.all_workspaces
      from membership m
      join role r on r.account_id = m.account_id and r.id = m.role_id
      where m.account_id = ${accountId} and exists (
        select from identity i where i.user_id = m.user_id and i.issuer = any (${issuersOf(issuers)})
      )
      union all
      select g.profile_id, false
      from guest g
      join identity i on i.id = g.identity_id and i.issuer = any (${issuersOf(issuers)})
      join profile p on p.id = g.profile_id
      where g.account_id = ${accountId} and p.removed_at is null
    )
    select (select bool_or(all_workspaces) from person) as all, array(
      select w.id from workspace w
      where w.account_id = ${accountId} and w.archived_at is null and w.id in (
        select x.workspace_id
        from workspace_grant x
        where x.account_id = ${accountId} and x.profile_id in (select profile_id from person)
      )
      order by 1
    ) as workspaces`.execute(db);
  const [row] = rows;
  return row?.all ? "all" : (row?.workspaces ?? []);
}

/** Returns the names of issuers. */
export function issuersOf(issuers: readonly ClaimingIssuer[]): string[] {
  return issuers.map(({ issuer }) => issuer);
}
