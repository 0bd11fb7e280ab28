import { type Selectable, sql } from "kysely";
import type { Db, Store } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { countEntitled, requireRoom } from "../access/entitlement.ts";
import type { Caller, ProfileRef } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock, rowLock } from "../kernel/row-lock.ts";
import { requireName } from "../kernel/text.ts";

/** A workspace; `info` where it was asked for. */
export interface Workspace extends Selectable<Database["workspace"]> {
  info?: WorkspaceInfo;
}

/** What the server knows of a workspace. */
export interface WorkspaceInfo {
  createdBy: ProfileRef | undefined;
  membersTotal: number;
}

/** What a workspace is made from. */
export interface NewWorkspace {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
}

/** What an update changes. What is left out stays. */
export interface WorkspaceUpdate {
  id: string;
  etag: string;
  name?: string;
  labels?: Labels;
  externalId?: string;
  description?: string;
}

/** Which workspaces to list. */
export interface WorkspaceFilter extends ListInput {
  includeInfo: boolean;
  showArchived: boolean;
}

const auditedFields = ["name", "description", "external_id", "labels"] as const;

/** Makes a workspace. Its maker is not a member by that. */
export async function createWorkspace(db: Store, caller: Caller, input: NewWorkspace): Promise<Workspace> {
  const name = requireName(input.name);
  const id = newId("ws");
  return mutate(
    db,
    caller,
    async (tx, caller) => {
      requireRoom(caller, await countEntitled(tx, caller, "max_workspaces"));
      const row = await tx
        .insertInto("workspace")
        .values({
          id,
          account_id: caller.accountId,
          name,
          description: input.description,
          external_id: input.externalId,
          labels: input.labels,
          created_by: caller.profile.id,
        })
        .returningAll()
        .executeTakeFirstOrThrow();
      return {
        result: await withInfo(tx, row),
        events: [{ resourceType: "workspace", resourceId: id, after: pick(row, auditedFields) }],
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a workspace of the caller's account. Another account's looks exactly like a missing one. */
export async function getWorkspace(db: Db, caller: Caller, id: string): Promise<Workspace> {
  return withInfo(db, await findWorkspace(db, caller, id));
}

/** Lists the workspaces of the caller's account; archived ones only on request. */
export async function listAccountWorkspaces(
  db: Db,
  caller: Caller,
  filter: WorkspaceFilter,
): Promise<Page<Workspace>> {
  let query = db
    .selectFrom("workspace")
    .selectAll()
    .where("account_id", "=", caller.accountId)
    .where(listFilter("workspace", filter));
  if (!filter.showArchived) query = query.where("archived_at", "is", null);
  return withInfos(db, await page(query, "workspace.id", filter, (row) => row.id), filter.includeInfo);
}

/** Lists the live workspaces that the caller may enter. */
export async function listWorkspaces(
  db: Db,
  caller: Caller,
  filter: ListInput & { includeInfo: boolean },
): Promise<Page<Workspace>> {
  let query = db
    .selectFrom("workspace")
    .selectAll()
    .where("account_id", "=", caller.accountId)
    .where("archived_at", "is", null)
    .where(listFilter("workspace", filter));
  if (caller.workspaceScope !== "all") {
    query = query.where(sql<boolean>`workspace.id = any(${caller.workspaceIds})`);
  }
  return withInfos(db, await page(query, "workspace.id", filter, (row) => row.id), filter.includeInfo);
}

/** Changes a workspace. */
export async function updateWorkspace(db: Store, caller: Caller, input: WorkspaceUpdate): Promise<Workspace> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  const locks = [rowLock("workspace", caller.accountId, input.id, "no key update")];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const row = await findWorkspace(tx, caller, input.id);
    checkEtag(input.etag, row.version);
    const after = {
      name: name ?? row.name,
      description: input.description ?? row.description,
      external_id: input.externalId ?? row.external_id,
      labels: input.labels ?? row.labels,
    };
    const changes = difference(pick(row, auditedFields), after);
    if (!changes) return { result: await withInfo(tx, row), events: [] };
    const changed = await tx
      .updateTable("workspace")
      .set({ ...after, version: row.version + 1 })
      .where("id", "=", row.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return {
      result: await withInfo(tx, changed),
      events: [{ resourceType: "workspace", resourceId: row.id, ...changes }],
    };
  });
}

/** Closes a workspace, for good. The last live one of an account stays. */
export async function archiveWorkspace(db: Store, caller: Caller, id: string): Promise<Workspace> {
  // Of two archivals of the last two, the second sees the first.
  const locks = [
    accountLock(caller.accountId, "no key update"),
    rowLock("workspace", caller.accountId, id, "no key update"),
  ];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const live = await tx
      .selectFrom("workspace")
      .select("id")
      .where("account_id", "=", caller.accountId)
      .where("archived_at", "is", null)
      .limit(2)
      .execute();
    const row = await findWorkspace(tx, caller, id);
    if (row.archived_at) return { result: await withInfo(tx, row), events: [] };
    if (live.length === 1) {
      throw new DomainError("IN_USE", "the last live workspace of an account cannot be archived", {
        workspace_id: row.id,
      });
    }
    const archived = await tx
      .updateTable("workspace")
      .set({ archived_at: sql<Date>`clock_timestamp()`, version: row.version + 1 })
      .where("id", "=", row.id)
      .returningAll()
      .executeTakeFirstOrThrow();
    return {
      result: await withInfo(tx, archived),
      events: [
        {
          resourceType: "workspace",
          resourceId: row.id,
          before: { archived: false },
          after: { archived: true },
        },
      ],
    };
  });
}

/** Reads a workspace of the caller's account. */
export async function findWorkspace(db: Db, caller: Caller, id: string): Promise<Workspace> {
  const row = await db
    .selectFrom("workspace")
    .selectAll()
    .where("account_id", "=", caller.accountId)
    .where("id", "=", id)
    .executeTakeFirst();
  if (!row) throw notFound("workspace");
  return row;
}

async function withInfos(db: Db, found: Page<Workspace>, wanted: boolean): Promise<Page<Workspace>> {
  return wanted ? { ...found, items: await loadInfos(db, found.items) } : found;
}

async function withInfo(db: Db, row: Workspace): Promise<Workspace> {
  const [workspace] = await loadInfos(db, [row]);
  return workspace ?? row;
}

async function loadInfos(db: Db, rows: Workspace[]): Promise<Workspace[]> {
  if (rows.length === 0) return rows;
  const makers = await db
    .selectFrom("profile")
    .select(["id", "type", "name", "email"])
    .where("id", "in", [...new Set(rows.map((row) => row.created_by))])
    .execute();
  const members = await db
    .selectFrom("workspace_grant")
    .select(["workspace_id", sql<number>`count(*)::int`.as("total")])
    .where("account_id", "in", [...new Set(rows.map((row) => row.account_id))])
    .where(
      "workspace_id",
      "in",
      rows.map((row) => row.id),
    )
    .groupBy("workspace_id")
    .execute();
  return rows.map((row) => ({
    ...row,
    info: {
      createdBy: makers.find((maker) => maker.id === row.created_by),
      membersTotal: members.find((count) => count.workspace_id === row.id)?.total ?? 0,
    },
  }));
}
