import { describe, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { WorkspaceState } from "../../gen/latchkey/v1/workspace_pb.ts";
import { doneTo, storedKey, systemKeyOf, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const missing = "ws_01jd0000000000000000000000";

test("a key may enter a workspace from the grant until its removal", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner, "north");
  const key = await issueKey(owner);
  const { id, token } = key;
  expect(await verdictOf(app, token, workspaceId)).toBe("WORKSPACE_FORBIDDEN");
  const { apiKey: granted } = await owner.apiKeys.addApiKeyWorkspace({ id, workspaceId });
  expect(granted).toMatchObject({
    metadata: { id },
    info: { workspacesTotal: 1, workspacesPreview: [{ id: workspaceId, name: "north" }] },
  });
  expect(await verdictOf(app, token, workspaceId)).toBe("VALID");
  const { items } = await owner.apiKeys.listApiKeyWorkspaces({ id });
  expect(items.map((workspace) => workspace.metadata?.id)).toEqual([workspaceId]);
  const { apiKey: taken } = await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
  expect(taken?.info?.workspacesTotal).toBe(0);
  expect(await verdictOf(app, token, workspaceId)).toBe("WORKSPACE_FORBIDDEN");
  expect(await verdictOf(app, token)).toBe("VALID");
  expect(await doneTo(app, id)).toEqual(["CreateApiKey", "AddApiKeyWorkspace", "RemoveApiKeyWorkspace"]);
  const effective = [key, granted, taken].map((one) => one?.info?.effectiveAt);
  expect(new Set(effective.map((time) => `${time?.seconds}.${time?.nanos}`)).size).toBe(3);
});

test("a repeated grant and the removal of a missing grant change nothing and write no event", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const { id } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
  const before = await storedKey(app, id);
  await owner.apiKeys.addApiKeyWorkspace({ id, workspaceId });
  expect(await storedKey(app, id)).toEqual(before);
  await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
  const without = await storedKey(app, id);
  await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
  await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId: missing });
  expect(await storedKey(app, id)).toEqual(without);
  expect(await doneTo(app, id)).toEqual(["CreateApiKey", "RemoveApiKeyWorkspace"]);
});

test("a workspace of another account looks exactly like a missing one", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const foreign = await newWorkspace(other);
  const { id } = await issueKey(owner);
  const ask = async (workspaceId: string) => {
    const answer = await refusal(owner.apiKeys.addApiKeyWorkspace({ id, workspaceId }));
    return { ...answer, headers: [...answer.headers] };
  };
  const there = await ask(foreign);
  expect(there).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
  expect(there).toEqual(await ask(missing));
  expect((await storedKey(app, id)).grants).toEqual([]);
  // The removal of a grant reveals nothing either.
  const taken = await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId: foreign });
  expect(taken).toEqual(await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId: missing }));
});

describe("a grant is refused for a key", () => {
  test.each([
    ["of scope ALL", "FailedPrecondition"],
    ["that is revoked", "FailedPrecondition"],
    ["of the system", "FailedPrecondition"],
  ])("%s", async (what, code) => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    const workspaceScope = what === "of scope ALL" ? WorkspaceScope.ALL : WorkspaceScope.SELECTED;
    const made = await issueKey(owner, { spec: { workspaceScope } });
    if (what === "that is revoked") await owner.apiKeys.revokeApiKey({ id: made.id });
    const id = what === "of the system" ? await systemKeyOf(app, owner.account.metadata?.id ?? "") : made.id;
    const { key } = await storedKey(app, id);
    const byMember = owner.workspaceAdmin.addWorkspaceMember;
    for (const call of [
      () => owner.apiKeys.addApiKeyWorkspace({ id, workspaceId }),
      () => byMember({ workspaceId, profileId: key.profile_id }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code });
    }
    expect((await storedKey(app, id)).grants).toEqual([]);
    expect(await doneTo(app, workspaceId)).toEqual(["CreateWorkspace"]);
  });
});

test("an archived workspace cannot be granted, and a key cannot enter it after it is archived", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  await newWorkspace(owner);
  const [inside, outside] = [
    await issueKey(owner, { initialWorkspaceIds: [workspaceId] }),
    await issueKey(owner),
  ];
  await owner.workspaceAdmin.archiveWorkspace({ workspaceId });
  expect(await refusal(owner.apiKeys.addApiKeyWorkspace({ id: outside.id, workspaceId }))).toMatchObject({
    code: "PermissionDenied",
    reason: "WORKSPACE_ARCHIVED",
    metadata: { workspace_id: workspaceId },
  });
  expect(await verdictOf(app, inside.token, workspaceId)).toBe("WORKSPACE_ARCHIVED");
  expect(await verdictOf(app, outside.token, workspaceId)).toBe("WORKSPACE_FORBIDDEN");
  const { items } = await owner.apiKeys.listApiKeyWorkspaces({ id: inside.id });
  expect(items.map(({ state }) => state)).toEqual([WorkspaceState.ARCHIVED]);
  await owner.apiKeys.removeApiKeyWorkspace({ id: inside.id, workspaceId });
  expect((await storedKey(app, inside.id)).grants).toEqual([]);
});

test("concurrent grants to one key all succeed, each with its event", async () => {
  const owner = await app.newAccount();
  const ids = await Promise.all(Array.from({ length: 8 }, () => newWorkspace(owner)));
  const { id } = await issueKey(owner);
  await Promise.all(ids.map((workspaceId) => owner.apiKeys.addApiKeyWorkspace({ id, workspaceId })));
  expect((await storedKey(app, id)).grants).toEqual([...ids].sort());
  const events = await app.db
    .selectFrom("audit_event")
    .select("after")
    .where("resource_id", "=", id)
    .execute();
  const granted = events.flatMap(({ after }) => (after?.workspace_id ? [after.workspace_id] : []));
  expect(granted.sort()).toEqual([...ids].sort());
});

test("concurrent grants of one workspace to one key result in one grant and one event", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const { id, info } = await issueKey(owner);
  const profileId = info?.profileId ?? "";
  await Promise.all(
    Array.from({ length: 6 }, (_, index) =>
      index % 2
        ? owner.apiKeys.addApiKeyWorkspace({ id, workspaceId })
        : owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId }),
    ),
  );
  expect((await storedKey(app, id)).grants).toEqual([workspaceId]);
  const events = await app.db
    .selectFrom("audit_event")
    .select("after")
    .where("resource_id", "=", id)
    .execute();
  expect(events.filter(({ after }) => after?.workspace_id === workspaceId)).toHaveLength(1);
});

test("the list of a key's workspaces has pages and filters like every list", async () => {
  const owner = await app.newAccount();
  const ids: string[] = [];
  for (const name of ["north", "south", "east"]) ids.push(await newWorkspace(owner, name));
  await newWorkspace(owner, "not granted");
  const { id } = await issueKey(owner, { initialWorkspaceIds: ids });
  const seen: string[] = [];
  for (let cursor = "", pages = 0; pages < 9; pages++) {
    const page = await owner.apiKeys.listApiKeyWorkspaces({ id, limit: 1, cursor, sortOrder: "asc" });
    seen.push(...page.items.map((workspace) => workspace.metadata?.id ?? ""));
    cursor = page.pagination?.nextCursor ?? "";
    if (cursor === "") break;
  }
  expect(seen).toEqual(ids);
  const named = await owner.apiKeys.listApiKeyWorkspaces({ id, query: "OUT" });
  expect(named.items.map((workspace) => workspace.metadata?.name)).toEqual(["south"]);
  const { violations } = await refusal(owner.apiKeys.listApiKeyWorkspaces({ id, cursor: "garbage" }));
  expect(violations).toMatchObject([{ field: "cursor" }]);
});

test("the preview has the first three workspaces by name, and the total counts all of them", async () => {
  const owner = await app.newAccount();
  const ids: string[] = [];
  for (const name of ["d", "b", "a", "c"]) ids.push(await newWorkspace(owner, name));
  const { info } = await issueKey(owner, { initialWorkspaceIds: ids });
  expect(info?.workspacesTotal).toBe(4);
  expect(info?.workspacesPreview.map(({ name }) => name)).toEqual(["a", "b", "c"]);
});
