import { type RawBuilder, sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { type Bounds, requireWithin } from "./bounds.ts";
import type { Caller } from "./principal.ts";

/** Returns the locks under which workspaces are granted. None of the workspaces can be archived meanwhile. */
export function workspaceLocks(accountId: string, workspaceIds: readonly string[]): RowLock[] {
  return workspaceIds.map((id) => rowLock("workspace", accountId, id, "share"));
}

/**
 * Grants workspaces to a profile and returns those that are new to it. The workspaces must be live and belong to the
 * account, see `requireLive`. `refuseEscalation` decides before this whether the caller may grant them.
 */
export async function insertGrants(
  tx: Tx,
  caller: Caller,
  bounds: Bounds,
  profileId: string,
  workspaceIds: readonly string[],
): Promise<string[]> {
  if (workspaceIds.length === 0) return [];
  const { accountId } = caller;
  const inserting = sql<{ workspace_id: string }>`
    insert into workspace_grant (account_id, workspace_id, profile_id, created_by)
    select ${accountId}, one.id, ${profileId}, ${caller.profile.id} from unnest(${workspaceIds}::text[]) as one (id)
    on conflict do nothing
    returning workspace_id`.execute(tx);
  const [{ rows }, total] = await together([inserting, countGrants(tx, accountId, profileId)]);
  if (rows.length > 0) requireWithin(bounds, "workspacesPerProfile", total);
  return rows.map((row) => row.workspace_id);
}

async function countGrants(tx: Tx, accountId: string, profileId: string): Promise<number> {
  const { total } = await tx
    .selectFrom("workspace_grant")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .executeTakeFirstOrThrow();
  return total;
}

/** A workspace of an account, live or archived. It stays live under `workspaceLocks`. */
export interface FoundWorkspace {
  id: string;
  archived_at: Date | null;
}

/** Finds the workspaces among some ids that belong to the account. */
export async function findWorkspaces(
  tx: Tx,
  accountId: string,
  workspaceIds: readonly string[],
): Promise<FoundWorkspace[]> {
  if (workspaceIds.length === 0) return [];
  const { rows } = await sql<FoundWorkspace>`
    select id, archived_at from workspace
    where account_id = ${accountId} and id = any (${workspaceIds}::text[])`.execute(tx);
  return rows;
}

/** Returns the ids of the live workspaces. */
export function liveOnes(found: readonly FoundWorkspace[]): string[] {
  return found.flatMap(({ id, archived_at }) => (archived_at === null ? id : []));
}

/** Returns the ids of the requested workspaces. Fails if one of them is missing or archived. */
export function requireLive(found: readonly FoundWorkspace[], workspaceIds: readonly string[]): string[] {
  const live = liveOnes(found);
  if (live.length === new Set(workspaceIds).size) return live;
  const archived = found.find((workspace) => workspace.archived_at !== null);
  if (!archived) throw notFound("workspace");
  throw new DomainError("WORKSPACE_ARCHIVED", "the workspace is archived", { workspace_id: archived.id });
}

/** Returns whether a profile has a grant of a workspace, archived or not. */
export async function hasGrant(
  tx: Tx,
  accountId: string,
  profileId: RawBuilder<unknown>,
  workspaceId: string,
): Promise<boolean> {
  const { rows } = await sql`
    select from workspace_grant
    where account_id = ${accountId} and profile_id = ${profileId} and workspace_id = ${workspaceId}`.execute(
    tx,
  );
  return rows.length > 0;
}

/** Removes the grant of a workspace from a profile. Returns whether there was one. */
export async function deleteGrant(
  tx: Tx,
  caller: Caller,
  profileId: string,
  workspaceId: string,
): Promise<boolean> {
  const deleted = await tx
    .deleteFrom("workspace_grant")
    .where("account_id", "=", caller.accountId)
    .where("profile_id", "=", profileId)
    .where("workspace_id", "=", workspaceId)
    .executeTakeFirst();
  return deleted.numDeletedRows > 0n;
}

/**
 * Returns the ids of the workspaces that a profile may enter. An archived workspace cannot be entered and stays
 * archived.
 */
export async function liveGrantsTo(tx: Db, accountId: string, profileId: string): Promise<string[]> {
  const ids = liveGrants(sql`${accountId}::text`, sql`${profileId}::text`);
  const { rows } = await sql<{ ids: string[] }>`select ${ids} as ids`.execute(tx);
  return rows[0]?.ids ?? [];
}

/** Returns the same as an SQL expression. */
export function liveGrants(accountId: RawBuilder<unknown>, profileId: RawBuilder<unknown>) {
  return sql<string[]>`array(
    select w.id from workspace_grant g
    join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
    where g.account_id = ${accountId} and g.profile_id = ${profileId} and w.archived_at is null
  )`;
}
