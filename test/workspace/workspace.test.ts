import { describe, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { WorkspaceState } from "../../gen/latchkey/v1/workspace_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const keyWith = async (owner: Owner, ...permissions: string[]) =>
  app.clientAs((await issueKey(owner, { spec: { permissions } })).token);
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";

test("a workspace is created, read, updated and archived", async () => {
  const owner = await app.newAccount();
  await newWorkspace(owner, "another");
  const metadata = { name: " Prod ", labels: { env: "prod" }, externalId: "w-1" };
  const { workspace: made } = await owner.workspaceAdmin.createWorkspace({ metadata });
  const workspaceId = made?.metadata?.id ?? "";
  const profileId = owner.profile.metadata?.id;
  expect(workspaceId).toMatch(/^ws_/);
  expect(made).toMatchObject({
    metadata: { ...metadata, name: "Prod", accountId: idOf(owner), profileId },
    info: { createdBy: { spec: { email: owner.email } }, membersTotal: 0 },
    state: WorkspaceState.ACTIVE,
  });
  const spec = { description: "the real thing" };
  const { workspace: changed } = await owner.workspaceAdmin.updateWorkspace({ workspaceId, spec });
  expect(changed).toMatchObject({ metadata: { name: "Prod", labels: { env: "prod" } }, spec });
  const { workspace: archived } = await owner.workspaceAdmin.archiveWorkspace({ workspaceId });
  expect(archived?.state).toBe(WorkspaceState.ARCHIVED);
  expect(archived?.info?.archivedAt).toBeDefined();
  expect((await owner.workspaceAdmin.getWorkspace({ workspaceId })).workspace).toEqual(archived);
  expect((await owner.workspaceAdmin.archiveWorkspace({ workspaceId })).workspace).toEqual(archived);
});

test("each call needs its permission, and `*:manage` of an integration only reads", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const profileId = owner.profile.metadata?.id ?? "";
  const reader = (await keyWith(owner, "*:manage")).workspaceAdmin;
  const writer = (await keyWith(owner, "workspaces:write")).workspaceAdmin;
  await reader.getWorkspace({ workspaceId });
  await reader.listAccountWorkspaces({});
  await reader.listWorkspaceMembers({ workspaceId });
  const metadata = { name: "x" };
  for (const [permission, call] of [
    ["workspaces:write", () => reader.createWorkspace({ metadata })],
    ["workspaces:write", () => reader.updateWorkspace({ workspaceId, metadata })],
    ["workspaces:write", () => reader.addWorkspaceMember({ workspaceId, profileId })],
    ["workspaces:manage", () => writer.archiveWorkspace({ workspaceId })],
    ["workspaces:manage", () => writer.removeWorkspaceMember({ workspaceId, profileId })],
  ] as const) {
    expect(await refusal(call())).toMatchObject({ code: "PermissionDenied", metadata: { permission } });
  }
  const nobody = await keyWith(owner, "agents:*");
  const denied = { metadata: { permission: "workspaces:read" } };
  expect(await refusal(nobody.workspaceAdmin.getWorkspace({ workspaceId }))).toMatchObject(denied);
});

test("a name is required, and an error names each wrong field", async () => {
  const { workspaceAdmin } = await app.newAccount();
  for (const [field, request] of [
    ["metadata.name", {}],
    ["metadata.name", { metadata: { name: " " } }],
    ["metadata.name", { metadata: { name: "x".repeat(129) } }],
    ["metadata.external_id", { metadata: { name: "x", externalId: "a b" } }],
    ['metadata.labels["-"]', { metadata: { name: "x", labels: { "-": "a" } } }],
    ['metadata.labels["a"]', { metadata: { name: "x", labels: { a: "b c" } } }],
    ["spec.description", { metadata: { name: "x" }, spec: { description: "x".repeat(1025) } }],
    ["request_id", { metadata: { name: "x" }, requestId: "a b" }],
  ] as const) {
    const refused = await refusal(workspaceAdmin.createWorkspace(request));
    expect(refused).toMatchObject({ code: "InvalidArgument", violations: [{ field }] });
  }
});

test("a missing workspace is not found", async () => {
  const { workspaceAdmin } = await app.newAccount();
  for (const workspaceId of [newId("ws"), "nonsense"]) {
    for (const call of [
      () => workspaceAdmin.getWorkspace({ workspaceId }),
      () => workspaceAdmin.updateWorkspace({ workspaceId, metadata: { name: "x" } }),
      () => workspaceAdmin.archiveWorkspace({ workspaceId }),
      () => workspaceAdmin.listWorkspaceMembers({ workspaceId }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
    }
  }
});

test("an update with an old etag is refused, and of two concurrent updates one succeeds", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner, "before");
  const etag = (await owner.workspaceAdmin.getWorkspace({ workspaceId })).workspace?.etag ?? "";
  const update = (name: string) =>
    owner.workspaceAdmin.updateWorkspace({ workspaceId, etag, metadata: { name } });
  const both = await Promise.allSettled([update("A"), update("B")]);
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  expect(await refusal(update("C"))).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
});

test("a repeated request creates no second workspace, even concurrently", async () => {
  const owner = await app.newAccount();
  const request = { metadata: { name: "once" }, requestId: "r-1" };
  const both = await Promise.allSettled([1, 2].map(() => owner.workspaceAdmin.createWorkspace(request)));
  expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  const { items } = await owner.workspaceAdmin.listAccountWorkspaces({});
  expect(items).toHaveLength(1);
  expect(await refusal(owner.workspaceAdmin.createWorkspace(request))).toMatchObject({
    code: "AlreadyExists",
    metadata: { id: items[0]?.metadata?.id },
  });
});

describe("the last live workspace", () => {
  test("cannot be archived", async () => {
    const owner = await app.newAccount();
    const [first, last] = [await newWorkspace(owner), await newWorkspace(owner)];
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: first });
    expect(await refusal(owner.workspaceAdmin.archiveWorkspace({ workspaceId: last }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "IN_USE",
      metadata: { workspace_id: last },
    });
    expect((await owner.workspaces.listWorkspaces({})).items).toHaveLength(1);
  });

  test("stays if all are archived concurrently", async () => {
    const owner = await app.newAccount();
    for (let round = 0; round < 5; round++) {
      const ids = [await newWorkspace(owner), await newWorkspace(owner), await newWorkspace(owner)];
      const { items } = await owner.workspaces.listWorkspaces({});
      const all = new Set([...ids, ...items.map((item) => item.metadata?.id ?? "")]);
      const results = await Promise.allSettled(
        [...all].map((workspaceId) => owner.workspaceAdmin.archiveWorkspace({ workspaceId })),
      );
      expect(results.filter(({ status }) => status === "rejected")).toHaveLength(1);
      expect((await owner.workspaces.listWorkspaces({})).items).toHaveLength(1);
    }
  });
});

describe("lists", () => {
  test("ListAccountWorkspaces returns all workspaces of the account, and archived ones on request", async () => {
    const owner = await app.newAccount();
    await newWorkspace(await app.newAccount(), "foreign");
    const archived = await newWorkspace(owner, "old");
    const live = await newWorkspace(owner, "Live");
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    const list = async (request: object) =>
      (await owner.workspaceAdmin.listAccountWorkspaces(request)).items.map((one) => one.metadata?.id);
    expect(await list({})).toEqual([live]);
    expect(await list({ showArchived: true })).toEqual([live, archived]);
    expect(await list({ showArchived: true, sortOrder: "asc" })).toEqual([archived, live]);
    expect(await list({ query: "liv" })).toEqual([live]);
    expect(await list({ prefix: archived.slice(0, 20), query: "none" })).toEqual([]);
    const { items } = await owner.workspaceAdmin.listAccountWorkspaces({});
    expect(items[0]?.info).toBeUndefined();
    const { items: full } = await owner.workspaceAdmin.listAccountWorkspaces({ includeInfo: true });
    expect(full[0]?.info?.createdBy?.spec?.email).toBe(owner.email);
  });

  test("ListWorkspaces returns only the workspaces that a bearer may enter", async () => {
    const owner = await app.newAccount();
    const [granted, other, archived] = [
      await newWorkspace(owner),
      await newWorkspace(owner),
      await newWorkspace(owner),
    ];
    const selected = await issueKey(owner, { initialWorkspaceIds: [granted, archived] });
    const none = await issueKey(owner, { spec: { permissions: ["*"] } });
    const all = await issueKey(owner, { spec: { workspaceScope: WorkspaceScope.ALL } });
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    const entered = async (token: string) =>
      (await app.clientAs(token).workspaces.listWorkspaces({ sortOrder: "asc" })).items.map(
        (item) => item.metadata?.id,
      );
    expect(await entered(selected.token)).toEqual([granted]);
    expect(await entered(none.token)).toEqual([]);
    expect(await entered(all.token)).toEqual([granted, other]);
    expect(await entered(owner.token)).toEqual([granted, other]);
  });
});
