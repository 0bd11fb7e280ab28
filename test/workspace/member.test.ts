import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { newMember, newRole } from "../support/actors/actors.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const profileOf = (owner: Owner) => owner.profile.metadata?.id ?? "";
const membersOf = async (owner: Owner, workspaceId: string) =>
  (await owner.workspaceAdmin.listWorkspaceMembers({ workspaceId, sortOrder: "asc" })).items;

test("people and keys are both members, by their profiles", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, { metadata: { name: "robot" } });
  const { member } = await owner.workspaceAdmin.addWorkspaceMember({
    workspaceId,
    profileId: profileOf(owner),
  });
  expect(member?.profile?.spec).toMatchObject({ type: ProfileType.USER, email: owner.email });
  expect(member?.createdAt).toBeDefined();
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: key.info?.profileId ?? "" });
  expect((await membersOf(owner, workspaceId)).map(({ profile }) => profile)).toMatchObject([
    { metadata: { id: profileOf(owner) }, spec: { type: ProfileType.USER } },
    { metadata: { id: key.info?.profileId }, spec: { type: ProfileType.API_KEY, name: "robot" } },
  ]);
  const { workspace } = await owner.workspaceAdmin.getWorkspace({ workspaceId });
  expect(workspace?.info?.membersTotal).toBe(2);
  const { items } = await owner.apiKeys.listApiKeyWorkspaces({ id: key.id });
  expect(items.map((item) => item.metadata?.id)).toEqual([workspaceId]);
  expect((await app.clientAs(key.token).workspaces.listWorkspaces({})).items).toHaveLength(1);
});

test("a profile cannot enter a workspace after its grant is removed", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
  const membership = { workspaceId, profileId: key.info?.profileId ?? "" };
  await owner.workspaceAdmin.removeWorkspaceMember(membership);
  expect((await app.clientAs(key.token).workspaces.listWorkspaces({})).items).toEqual([]);
  expect(await membersOf(owner, workspaceId)).toEqual([]);
  expect((await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.info?.workspacesTotal).toBe(0);
});

test("a repeated grant and a repeated removal change nothing and write no event", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner);
  for (const profileId of [profileOf(owner), key.info?.profileId ?? ""]) {
    const membership = { workspaceId, profileId };
    const { member } = await owner.workspaceAdmin.addWorkspaceMember(membership);
    const before = await owner.audit.listAuditEvents({});
    expect((await owner.workspaceAdmin.addWorkspaceMember(membership)).member).toEqual(member);
    expect(await owner.audit.listAuditEvents({})).toEqual(before);
    await owner.workspaceAdmin.removeWorkspaceMember(membership);
    const after = await owner.audit.listAuditEvents({});
    await owner.workspaceAdmin.removeWorkspaceMember(membership);
    expect(await owner.audit.listAuditEvents({})).toEqual(after);
  }
});

test("a caller cannot grant a workspace that it may not enter", async () => {
  const owner = await app.newAccount();
  const [mine, other] = [await newWorkspace(owner), await newWorkspace(owner)];
  const role = await newRole(owner, "manager", "workspaces:write");
  const { workspaceAdmin } = await newMember(app, owner, role, [mine]);
  const key = await issueKey(owner);
  for (const profileId of [profileOf(owner), key.info?.profileId ?? ""]) {
    const refused = await refusal(workspaceAdmin.addWorkspaceMember({ workspaceId: other, profileId }));
    expect(refused).toMatchObject({
      code: "PermissionDenied",
      reason: "WORKSPACE_FORBIDDEN",
      metadata: { workspace_id: other },
    });
    await workspaceAdmin.addWorkspaceMember({ workspaceId: mine, profileId });
  }
  expect(await membersOf(owner, other)).toEqual([]);
});

describe("a grant is refused for", () => {
  test("a key that enters all workspaces, and a revoked key", async () => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    const all = await issueKey(owner, { spec: { workspaceScope: WorkspaceScope.ALL } });
    const revoked = await issueKey(owner);
    await owner.apiKeys.revokeApiKey({ id: revoked.id });
    for (const key of [all, revoked]) {
      const profileId = key.info?.profileId ?? "";
      const refused = await refusal(owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId }));
      expect(refused.code).toBe("FailedPrecondition");
    }
  });

  test("the system profile or the system key", async () => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    const profiles = await app.db
      .selectFrom("profile")
      .select("id")
      .where("account_id", "=", owner.account.metadata?.id ?? "")
      .where("id", "!=", profileOf(owner))
      .execute();
    expect(profiles).toHaveLength(2);
    for (const { id } of profiles) {
      const add = owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: id });
      expect((await refusal(add)).code).toBe("FailedPrecondition");
    }
  });

  test("a profile that has left or never existed", async () => {
    const owner = await app.newAccount();
    const workspaceId = await newWorkspace(owner);
    const key = await issueKey(owner);
    const left = key.info?.profileId ?? "";
    await sql`update profile set removed_at = now() where id = ${left}`.execute(app.db);
    for (const profileId of [left, newId("prof"), profileOf(await app.newAccount())]) {
      const refused = await refusal(owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId }));
      expect(refused).toMatchObject({ code: "NotFound", message: "profile not found", metadata: {} });
    }
  });

  test("an archived workspace, whose members can still be read and removed", async () => {
    const owner = await app.newAccount();
    await newWorkspace(owner);
    const workspaceId = await newWorkspace(owner);
    const profileId = profileOf(owner);
    await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId });
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    const key = await issueKey(owner);
    const add = owner.workspaceAdmin.addWorkspaceMember({
      workspaceId,
      profileId: key.info?.profileId ?? "",
    });
    expect(await refusal(add)).toMatchObject({
      reason: "WORKSPACE_ARCHIVED",
      metadata: { workspace_id: workspaceId },
    });
    expect(await membersOf(owner, workspaceId)).toHaveLength(1);
    await owner.workspaceAdmin.removeWorkspaceMember({ workspaceId, profileId });
    expect(await membersOf(owner, workspaceId)).toEqual([]);
  });
});

test("the members of a workspace have pages", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const keys = [];
  for (let i = 0; i < 3; i++) keys.push(await issueKey(owner, { initialWorkspaceIds: [workspaceId] }));
  const seen: (string | undefined)[] = [];
  let cursor = "";
  do {
    const request = { workspaceId, limit: 2, cursor, sortOrder: "asc" };
    const { items, pagination } = await owner.workspaceAdmin.listWorkspaceMembers(request);
    seen.push(...items.map((item) => item.profile?.metadata?.id));
    cursor = pagination?.nextCursor ?? "";
  } while (cursor !== "");
  expect(seen).toEqual(keys.map((key) => key.info?.profileId));
});
