import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Bounds } from "../access/bounds.ts";
import type { Caller } from "../access/principal.ts";
import {
  deleteGrant,
  type FoundWorkspace,
  findWorkspaces,
  hasGrant,
  insertGrants,
  requireLive,
  workspaceLocks,
} from "../access/workspace-grant.ts";
import type { Change } from "../kernel/audit-event.ts";
import { notFound } from "../kernel/error.ts";
import { type ListInput, listFilter, type Page, pageWithin } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { together } from "../kernel/together.ts";
import type { Workspace } from "../workspace/workspace.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  findApiKey,
  type LockedKey,
  readKey,
  readLockedKey,
  refuseRevoked,
  requireKey,
  systemKey,
  touchApiKey,
} from "./api-key.ts";
import { takesNoGrants } from "./draft.ts";
import { checkKey, type Listed, ownerRights, readListed, stateOf } from "./owner.ts";

/** A key and a workspace. */
export interface ApiKeyWorkspace {
  id: string;
  workspaceId: string;
}

/** Grants a workspace to a key. The caller must be able to enter the workspace. */
export function addApiKeyWorkspace(
  db: Store,
  caller: Caller,
  bounds: Bounds,
  input: ApiKeyWorkspace,
): Promise<ApiKey> {
  const { id, workspaceId } = input;
  const locks = [apiKeyLock(caller, id), ...workspaceLocks(caller.accountId, [workspaceId])];
  const read = async (tx: Tx) => {
    const [key, ...context] = await together([
      readLockedKey(tx, caller, id),
      readListed(tx, caller),
      findWorkspaces(tx, caller.accountId, [workspaceId]),
    ]);
    return { key, context };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { key: found, context }) => {
    const key = requireKey(found);
    const events = grantToKey(caller, key, workspaceId, context);
    return { events, write: () => writeGrant(tx, caller, bounds, key, events) };
  });
}

/**
 * The facts by which a grant is evaluated besides the key: the list and scope of the caller's key, and the workspace as
 * found.
 */
export type GrantContext = readonly [Listed | undefined, readonly FoundWorkspace[]];

/** Returns the events of a grant of a workspace to a locked key. There are none if the key has the grant already. */
export function grantToKey(
  caller: Caller,
  key: LockedKey,
  workspaceId: string,
  [listed, workspaces]: GrantContext,
): Change[] {
  if (key.system) throw systemKey(key, "the spec of a system key is fixed: it enters every workspace");
  refuseRevoked(key);
  if (key.workspace_scope === "all") throw takesNoGrants();
  if (key.granted.includes(workspaceId)) return [];
  const before = stateOf(key);
  const after = { ...before, granted: [...key.granted, workspaceId] };
  checkKey(caller, listed, { owner: ownerRights(key), before, after, grants: [workspaceId] });
  requireLive(workspaces, [workspaceId]);
  return [{ resourceType: "api_key", resourceId: key.id, after: { workspace_id: workspaceId } }];
}

/** Writes the changes of `grantToKey` and returns the key. */
export async function writeGrant(
  tx: Tx,
  caller: Caller,
  bounds: Bounds,
  key: LockedKey,
  changes: readonly Change[],
): Promise<ApiKey> {
  const workspaceIds = changes.map(({ after }) => String(after?.workspace_id));
  const [, , granted] = await together([
    insertGrants(tx, caller, bounds, key.profile_id, workspaceIds),
    changes.length > 0 ? touchApiKey(tx, key) : undefined,
    findApiKey(tx, caller, key.id),
  ]);
  return granted;
}

/** Removes the grant of a workspace from a key. */
export function removeApiKeyWorkspace(db: Store, caller: Caller, input: ApiKeyWorkspace): Promise<ApiKey> {
  const { id, workspaceId } = input;
  const locks = [apiKeyLock(caller, id)];
  const read = async (tx: Tx) => {
    const [key, granted] = await together([
      readKey(tx, caller, id),
      hasGrant(tx, caller.accountId, sql`(select profile_id from api_key where id = ${id})`, workspaceId),
    ]);
    return { key, granted };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { key: found, granted }) => {
    const key = requireKey(found);
    if (!granted) return { events: [], write: () => findApiKey(tx, caller, id) };
    return {
      events: [takenFromKey(key, workspaceId)],
      async write() {
        const [, taken] = await together([
          takeFromKey(tx, caller, key, workspaceId),
          findApiKey(tx, caller, id),
        ]);
        return taken;
      },
    };
  });
}

/** Returns the event for a removed grant. */
export function takenFromKey(key: ApiKeyRow, workspaceId: string): Change {
  return { resourceType: "api_key", resourceId: key.id, before: { workspace_id: workspaceId } };
}

/** Removes the grant of a workspace from a locked key that has it. */
export async function takeFromKey(
  tx: Tx,
  caller: Caller,
  key: ApiKeyRow,
  workspaceId: string,
): Promise<void> {
  await together([deleteGrant(tx, caller, key.profile_id, workspaceId), touchApiKey(tx, key)]);
}

/** Lists the workspaces granted to a key, archived ones included. */
export async function listApiKeyWorkspaces(
  db: Db,
  caller: Caller,
  id: string,
  input: ListInput,
): Promise<Page<Workspace>> {
  const query = db
    .selectFrom("workspace")
    .innerJoin("workspace_grant as g", (join) =>
      join.onRef("g.account_id", "=", "workspace.account_id").onRef("g.workspace_id", "=", "workspace.id"),
    )
    .selectAll("workspace")
    .where("g.account_id", "=", caller.accountId)
    .where("g.profile_id", "=", sql<string>`parent.profile_id`);
  const key = sql`select profile_id from api_key where account_id = ${caller.accountId} and id = ${id}`;
  // No index is needed, because a key has a bounded number of workspaces.
  const { fits } = listFilter("workspace", input);
  const fitting = fits ? query.where(fits) : query;
  const found = await pageWithin(db, key, fitting, "workspace.id", input);
  if (!found) throw notFound("API key");
  return found;
}
