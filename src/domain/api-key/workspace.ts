import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Bounds } from "../access/bounds.ts";
import type { Caller } from "../access/principal.ts";
import { deleteGrant, insertGrants, workspaceLocks } from "../access/workspace-grant.ts";
import { type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import type { Workspace } from "../workspace/workspace.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  findApiKey,
  readApiKey,
  refuseRevoked,
  systemKey,
  touchApiKey,
} from "./api-key.ts";
import { takesNoGrants } from "./draft.ts";
import { checkKey, loadKeyState } from "./owner.ts";

/** Which key, and which workspace. */
export interface ApiKeyWorkspace {
  id: string;
  workspaceId: string;
}

/** Grants a workspace to a key. The caller must be able to enter it. */
export function addApiKeyWorkspace(
  db: Store,
  caller: Caller,
  bounds: Bounds,
  input: ApiKeyWorkspace,
): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, input.id), ...workspaceLocks(caller.accountId, [input.workspaceId])];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const key = await readApiKey(tx, caller, input.id);
    const events = await grantToKey(tx, caller, bounds, key, input.workspaceId);
    return { result: await findApiKey(tx, caller, key.id), events };
  });
}

/** Grants a workspace to a locked key, and says what that changed. */
export async function grantToKey(
  tx: Tx,
  caller: Caller,
  bounds: Bounds,
  key: ApiKeyRow,
  workspaceId: string,
) {
  if (key.system) throw systemKey(key, "the spec of a system key is fixed: it enters every workspace");
  refuseRevoked(key);
  if (key.workspace_scope === "all") throw takesNoGrants();
  const { owner, state: before } = await loadKeyState(tx, key);
  if (before.granted.includes(workspaceId)) return [];
  const after = { ...before, granted: [...before.granted, workspaceId] };
  await checkKey(tx, caller, { owner, before, after, grants: [workspaceId] });
  const added = await insertGrants(tx, caller, bounds, key.profile_id, [workspaceId]);
  if (added.length > 0) await touchApiKey(tx, key);
  return added.map((id) => ({ resourceType: "api_key", resourceId: key.id, after: { workspace_id: id } }));
}

/** Takes a workspace from a key. */
export function removeApiKeyWorkspace(db: Store, caller: Caller, input: ApiKeyWorkspace): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, input.id)];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const key = await readApiKey(tx, caller, input.id);
    const events = await takeFromKey(tx, caller, key, input.workspaceId);
    return { result: await findApiKey(tx, caller, key.id), events };
  });
}

/** Takes a workspace from a locked key, and says what that changed. */
export async function takeFromKey(tx: Tx, caller: Caller, key: ApiKeyRow, workspaceId: string) {
  const removed = await deleteGrant(tx, caller, key.profile_id, workspaceId);
  if (!removed) return [];
  await touchApiKey(tx, key);
  return [{ resourceType: "api_key", resourceId: key.id, before: { workspace_id: workspaceId } }];
}

/** Lists the workspaces granted to a key, archived ones too. */
export async function listApiKeyWorkspaces(
  db: Db,
  caller: Caller,
  id: string,
  input: ListInput,
): Promise<Page<Workspace>> {
  const key = await findApiKey(db, caller, id);
  const query = db
    .selectFrom("workspace")
    .innerJoin("workspace_grant as g", (join) =>
      join.onRef("g.account_id", "=", "workspace.account_id").onRef("g.workspace_id", "=", "workspace.id"),
    )
    .selectAll("workspace")
    .where("g.account_id", "=", caller.accountId)
    .where("g.profile_id", "=", key.profile_id)
    .where(listFilter("workspace", input));
  return page(query, "workspace.id", input, (workspace) => workspace.id);
}
