import { sql } from "kysely";
import type { Db, Tx } from "../../db/connect.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { type Bounds, requireWithin } from "./bounds.ts";
import type { Caller } from "./principal.ts";

/** The locks under which workspaces are granted: none is archived meanwhile. */
export function workspaceLocks(accountId: string, workspaceIds: readonly string[]): RowLock[] {
  return workspaceIds.map((id) => rowLock("workspace", accountId, id, "share"));
}

/**
 * Grants workspaces to a profile and returns those that it did not have yet. The workspaces are the account's own and
 * live. Whether the caller may grant them is decided before, by `refuseEscalation`.
 */
export async function insertGrants(
  tx: Tx,
  caller: Caller,
  bounds: Bounds,
  profileId: string,
  workspaceIds: readonly string[],
): Promise<string[]> {
  if (workspaceIds.length === 0) return [];
  const found = await liveWorkspaces(tx, caller.accountId, workspaceIds);
  const inserted = await tx
    .insertInto("workspace_grant")
    .values(
      found.map((id) => ({
        account_id: caller.accountId,
        workspace_id: id,
        profile_id: profileId,
        created_by: caller.profile.id,
      })),
    )
    .onConflict((conflict) => conflict.doNothing())
    .returning("workspace_id")
    .execute();
  if (inserted.length > 0) await requireGrantsWithin(tx, bounds, caller.accountId, profileId);
  return inserted.map((row) => row.workspace_id);
}

/** Refuses grants that were too many for a profile: after they were made, under a lock of the profile. */
export async function requireGrantsWithin(
  tx: Tx,
  bounds: Bounds,
  accountId: string,
  profileId: string,
): Promise<void> {
  const { total } = await tx
    .selectFrom("workspace_grant")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", accountId)
    .where("profile_id", "=", profileId)
    .executeTakeFirstOrThrow();
  requireWithin(bounds, "workspacesPerProfile", total);
}

/**
 * The ids of some workspaces that are the account's own and live. One that is missing or archived is refused, or with
 * `skip` left out. They stay live under `workspaceLocks`.
 */
export async function liveWorkspaces(
  tx: Tx,
  accountId: string,
  workspaceIds: readonly string[],
  otherwise: "refuse" | "skip" = "refuse",
): Promise<string[]> {
  if (workspaceIds.length === 0) return [];
  const found = await tx
    .selectFrom("workspace")
    .select(["id", "archived_at"])
    .where("account_id", "=", accountId)
    .where("id", "in", workspaceIds)
    .execute();
  const live = found.filter((workspace) => workspace.archived_at === null);
  if (otherwise === "refuse" && live.length < new Set(workspaceIds).size) {
    const archived = found.find((workspace) => workspace.archived_at !== null);
    if (!archived) throw notFound("workspace");
    throw new DomainError("WORKSPACE_ARCHIVED", "the workspace is archived", { workspace_id: archived.id });
  }
  return live.map((workspace) => workspace.id);
}

/** Takes a workspace from a profile. Returns whether it had been granted. */
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

/** The ids of the workspaces that a profile may enter. Archived ones are closed for good: nobody holds them. */
export async function liveGrantsTo(tx: Db, accountId: string, profileId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select w.id from workspace_grant g
    join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
    where g.account_id = ${accountId} and g.profile_id = ${profileId} and w.archived_at is null`.execute(tx);
  return rows.map((row) => row.id);
}
