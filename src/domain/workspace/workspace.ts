import { type Expression, type Selectable, type SqlBool, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { platformKeyOf } from "../access/acting.ts";
import { countEntitled, requireRoom } from "../access/entitlement.ts";
import type { Caller } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock, rowLock } from "../kernel/row-lock.ts";
import { requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { infoColumn, infoOf, type StoredInfo, type WorkspaceInfo } from "./info.ts";

/** A workspace, with `info` if the request asked for it. */
export interface Workspace extends Selectable<Database["workspace"]> {
  info?: WorkspaceInfo;
}

/** The fields of a new workspace. */
export interface NewWorkspace {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
}

/** The fields of an update. A field that is left out stays as it is. */
export interface WorkspaceUpdate {
  id: string;
  etag: string;
  name?: string;
  labels?: Labels;
  externalId?: string;
  description?: string;
}

/** A filter of workspaces. */
export interface WorkspaceFilter extends ListInput {
  includeInfo: boolean;
  showArchived: boolean;
}

const auditedFields = ["name", "description", "external_id", "labels"] as const;

/** Creates a workspace. Its creator does not become a member. */
export async function createWorkspace(db: Store, caller: Caller, input: NewWorkspace): Promise<Workspace> {
  const name = requireName(input.name);
  const id = newId("ws");
  const read = (tx: Tx) =>
    together([
      countEntitled(tx, caller, "max_workspaces"),
      findByExternalId(tx, "workspace", caller.accountId, input.externalId),
    ]);
  return mutate(
    db,
    { by: caller, locks: [], read },
    async (tx, caller, [room, taken]) => {
      requireRoom(caller, room);
      requireFree(taken);
      const row = {
        id,
        account_id: caller.accountId,
        name,
        description: input.description,
        external_id: input.externalId,
        labels: input.labels,
        created_by: caller.profile.id,
        platform_key_id: platformKeyOf(caller),
      };
      const writing = () => tx.insertInto("workspace").values(row).execute();
      return {
        events: [{ resourceType: "workspace", resourceId: id, after: pick(row, auditedFields) }],
        write: () => writeAndFind(tx, caller, id, writing),
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a workspace of the caller's account. The id of another account's workspace fails like a missing id. */
export async function getWorkspace(db: Db, caller: Caller, id: string): Promise<Workspace> {
  const row = await selectWorkspaces(db, caller)
    .select(infoColumn.as("info"))
    .where("id", "=", id)
    .executeTakeFirst();
  if (!row) throw notFound("workspace");
  return withInfo(row);
}

/** Lists the workspaces of the caller's account. Archived workspaces only on request. */
export async function listAccountWorkspaces(
  db: Db,
  caller: Caller,
  filter: WorkspaceFilter,
): Promise<Page<Workspace>> {
  const live = filter.showArchived ? undefined : sql<boolean>`archived_at is null`;
  return pageOf(db, selectWorkspaces(db, caller), filter, live);
}

/** Lists the live workspaces that the caller may enter. */
export async function listWorkspaces(
  db: Db,
  caller: Caller,
  filter: ListInput & { includeInfo: boolean },
): Promise<Page<Workspace>> {
  let query = selectWorkspaces(db, caller);
  if (caller.workspaceScope !== "all") {
    query = query.where(sql<boolean>`workspace.id = any(${caller.workspaceIds})`);
  }
  return pageOf(db, query, filter, sql<boolean>`archived_at is null`);
}

/** Changes a workspace. */
export async function updateWorkspace(db: Store, caller: Caller, input: WorkspaceUpdate): Promise<Workspace> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  const locks = [rowLock("workspace", caller.accountId, input.id, "no key update")];
  const read = (tx: Tx) =>
    together([
      readWorkspace(tx, caller, input.id),
      findByExternalId(tx, "workspace", caller.accountId, input.externalId),
    ]);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, [found, taken]) => {
    const row = requireWorkspace(found);
    checkEtag(input.etag, row.version);
    const after = {
      name: name ?? row.name,
      description: input.description ?? row.description,
      external_id: input.externalId ?? row.external_id,
      labels: input.labels ?? row.labels,
    };
    const changes = difference(pick(row, auditedFields), after);
    if (!changes) return { events: [], write: () => getWorkspace(tx, caller, row.id) };
    // The external id of an archived workspace does not count.
    if (!row.archived_at) requireFree(taken, row.id);
    const writing = () =>
      tx
        .updateTable("workspace")
        .set({ ...after, version: row.version + 1 })
        .where("id", "=", row.id)
        .execute();
    return {
      events: [{ resourceType: "workspace", resourceId: row.id, ...changes }],
      write: () => writeAndFind(tx, caller, row.id, writing),
    };
  });
}

/** Archives a workspace permanently. Fails with `IN_USE` for the last live workspace of an account. */
export async function archiveWorkspace(db: Store, caller: Caller, id: string): Promise<Workspace> {
  // If two calls archive the last two workspaces, the second sees the first.
  const locks = [
    accountLock(caller.accountId, "no key update"),
    rowLock("workspace", caller.accountId, id, "no key update"),
  ];
  const read = async (tx: Tx) => {
    const [row, live] = await together([readWorkspace(tx, caller, id), readTwoLive(tx, caller)]);
    return { row, live };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, found) => {
    const row = requireWorkspace(found.row);
    if (row.archived_at) return { events: [], write: () => getWorkspace(tx, caller, id) };
    if (found.live.length === 1) {
      throw new DomainError("IN_USE", "the last live workspace of an account cannot be archived", {
        workspace_id: row.id,
      });
    }
    const writing = () =>
      tx
        .updateTable("workspace")
        .set({ archived_at: sql<Date>`clock_timestamp()`, version: row.version + 1 })
        .where("id", "=", row.id)
        .execute();
    return {
      events: [
        {
          resourceType: "workspace",
          resourceId: row.id,
          before: { archived: false },
          after: { archived: true },
        },
      ],
      write: () => writeAndFind(tx, caller, id, writing),
    };
  });
}

async function writeAndFind(
  tx: Tx,
  caller: Caller,
  id: string,
  writing: () => Promise<unknown>,
): Promise<Workspace> {
  const [, workspace] = await together([writing(), getWorkspace(tx, caller, id)]);
  return workspace;
}

function readWorkspace(db: Db, caller: Caller, id: string): Promise<Workspace | undefined> {
  return selectWorkspaces(db, caller).where("id", "=", id).executeTakeFirst();
}

function requireWorkspace(workspace: Workspace | undefined): Workspace {
  if (!workspace) throw notFound("workspace");
  return workspace;
}

/** Returns a workspace of the caller's account. Fails with `NOT_FOUND` if it does not exist there. */
export async function findWorkspace(db: Db, caller: Caller, id: string): Promise<Workspace> {
  return requireWorkspace(await readWorkspace(db, caller, id));
}

function readTwoLive(tx: Tx, caller: Caller): Promise<{ id: string }[]> {
  return tx
    .selectFrom("workspace")
    .select("id")
    .where("account_id", "=", caller.accountId)
    .where("archived_at", "is", null)
    .limit(2)
    .execute();
}

function selectWorkspaces(db: Db, caller: Caller) {
  return db.selectFrom("workspace").selectAll("workspace").where("account_id", "=", caller.accountId);
}

async function pageOf(
  db: Db,
  query: ReturnType<typeof selectWorkspaces>,
  filter: ListInput & { includeInfo: boolean },
  live: Expression<SqlBool> | undefined,
): Promise<Page<Workspace>> {
  const fits = listFilter("workspace", filter, live);
  if (!filter.includeInfo) return page(db, query, "workspace.id", filter, fits);
  const found = await page(db, query.select(infoColumn.as("info")), "workspace.id", filter, fits);
  return { ...found, items: found.items.map(withInfo) };
}

function withInfo({ info, ...row }: Omit<Workspace, "info"> & { info: StoredInfo }): Workspace {
  return { ...row, info: infoOf(info) };
}
