import { expect, test } from "vitest";
import { ApiKeyKind, Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import {
  joinSignedIn,
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
  permissionsOf,
  principalOf,
} from "../support/actors/actors.ts";
import { rotate, storedKey, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { whileLocked } from "../support/database/waiting.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { ALL, SELECTED } = WorkspaceScope;

test("a developer key has its own kind of token, has no environment, and acts as its user", async () => {
  const owner = await app.newAccount();
  const dev = await newMember(app, owner, "developer");
  const key = await issueKey(dev, { spec: { kind: ApiKeyKind.DEVELOPER } });
  expect(key.token).toMatch(/^lk_dev_/);
  expect(key.spec).toMatchObject({
    kind: ApiKeyKind.DEVELOPER,
    permissions: ["*"],
    environment: Environment.UNSPECIFIED,
    workspaceScope: ALL,
    serviceAccountId: "",
  });
  expect(await principalOf(app.clientAs(key.token))).toMatchObject({
    kind: PrincipalKind.DEVELOPER_KEY,
    keyId: key.id,
    userId: "",
    profile: { metadata: { id: dev.profileId }, spec: { type: ProfileType.USER, email: dev.email } },
    environment: Environment.UNSPECIFIED,
    permissions: ["*:write", "api_keys:write"],
    workspaceScope: SELECTED,
    workspaceIds: [],
  });
  for (const environment of [Environment.TEST, Environment.LIVE]) {
    const spec = { kind: ApiKeyKind.DEVELOPER, environment };
    expect(await refusal(dev.apiKeys.createApiKey({ metadata: { name: "x" }, spec }))).toMatchObject({
      violations: [{ field: "spec.environment" }],
    });
    const { tokens } = app.clientAs(app.platformToken);
    expect((await tokens.verifyToken({ token: key.token, environment })).valid).toBe(true);
  }
});

test("a developer key may do what its user may do now by role and teams, narrowed by its own list", async () => {
  const owner = await app.newAccount();
  const roleId = await newRole(owner, "own", "agents:write");
  await newRole(owner, "runner", "runs:start", "logs:*");
  const [dev, team] = [await newMember(app, owner, "own"), await newTeam(owner, "ci", "runner")];
  const whole = await newDeveloperKey(app, dev);
  const narrow = await newDeveloperKey(app, dev, { permissions: ["*:read", "runs:stop"] });
  const expectBoth = async (all: string[], some: string[]) => {
    expect([await permissionsOf(whole), await permissionsOf(narrow)]).toEqual([all, some]);
  };
  await expectBoth(["agents:write"], ["agents:read"]);
  await owner.teams.addTeamMember({ id: team, profileId: dev.profileId });
  await expectBoth(["agents:write", "logs:*", "runs:start"], ["agents:read", "logs:read"]);
  await owner.roles.updateRole({ id: roleId, spec: { permissions: ["runs:stop"] } });
  await expectBoth(["logs:*", "runs:start", "runs:stop"], ["logs:read", "runs:stop"]);
  await owner.teams.removeTeamMember({ id: team, profileId: dev.profileId });
  await owner.profiles.setProfileRole({ id: dev.profileId, role: "viewer" });
  await expectBoth(["*:read"], ["*:read"]);
  const updateMask = { paths: ["spec.permissions"] };
  await owner.apiKeys.updateApiKey({ id: whole.id, updateMask });
  await expectBoth([], ["*:read"]);
});

test("a developer key enters the workspaces that its user may enter now, or of these only the granted ones", async () => {
  const owner = await app.newAccount();
  const [a, b, c] = [
    await newWorkspace(owner, "a"),
    await newWorkspace(owner, "b"),
    await newWorkspace(owner),
  ];
  const dev = await newMember(app, owner, "developer", [a, b]);
  const all = await newDeveloperKey(app, dev);
  const selected = await newDeveloperKey(app, dev, { workspaceScope: SELECTED }, [a]);
  const none = await newDeveloperKey(app, dev, { workspaceScope: SELECTED });
  const expectThese = async (ofAll: string[], ofSelected: string[]) => {
    const cases: [{ token: string }, string[]][] = [
      [all, ofAll],
      [selected, ofSelected],
      [none, []],
    ];
    for (const [{ token }, ids] of cases) {
      const expected = { workspaceScope: SELECTED, workspaceIds: ids };
      expect(await principalOf(app.clientAs(token))).toMatchObject(expected);
      for (const id of [a, b, c]) {
        const verdict = ids.includes(id) ? "VALID" : "WORKSPACE_FORBIDDEN";
        expect(await verdictOf(app, token, id)).toBe(verdict);
      }
    }
  };
  await expectThese([a, b], [a]);
  // Another member grants the key a workspace that its user may not enter. The grant has no effect yet.
  await owner.apiKeys.addApiKeyWorkspace({ id: selected.id, workspaceId: c });
  await expectThese([a, b], [a]);
  await owner.workspaceAdmin.removeWorkspaceMember({ workspaceId: a, profileId: dev.profileId });
  await expectThese([b], []);
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId: c, profileId: dev.profileId });
  await expectThese([b, c], [c]);
  await owner.profiles.setProfileRole({ id: dev.profileId, role: "admin" });
  expect(await principalOf(all)).toMatchObject({ workspaceScope: ALL, workspaceIds: [] });
  expect(await principalOf(selected)).toMatchObject({ workspaceScope: SELECTED, workspaceIds: [a, c] });
  expect(await verdictOf(app, none.token, a)).toBe("WORKSPACE_FORBIDDEN");
  await owner.workspaceAdmin.archiveWorkspace({ workspaceId: c });
  expect(await verdictOf(app, all.token, c)).toBe("WORKSPACE_ARCHIVED");
});

test("a developer key is permanently revoked when its user leaves, even if the user returns with the same rights", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const dev = await newMember(app, owner, "developer", [workspaceId]);
  const [active, disabled] = [await newDeveloperKey(app, dev), await newDeveloperKey(app, dev)];
  const application = await issueKey(dev);
  await owner.apiKeys.disableApiKey({ id: disabled.id });
  await dev.profiles.removeProfile({ id: dev.profileId });
  const profileId = await joinSignedIn(owner, dev, dev.email, "developer");
  expect(profileId).not.toBe(dev.profileId);
  expect(await principalOf(dev)).toMatchObject({
    profile: { metadata: { id: profileId } },
    workspaceIds: [],
  });
  for (const { id, token } of [active, disabled]) {
    expect(await verdictOf(app, token)).toBe("REVOKED");
    expect(await outcome(owner.apiKeys.enableApiKey({ id }))).toBe("WRONG_STATE");
    // The returned user does not own the key.
    expect(await outcome(rotate(dev, id))).toBe("PERMISSION_DENIED");
  }
  // An application key does not end with the person who created it.
  expect(await verdictOf(app, application.token)).toBe("VALID");
});

test("a person who is being removed cannot get a developer key meanwhile", async () => {
  const owner = await app.newAccount();
  const dev = await newMember(app, owner, "developer");
  const { removed, minted } = await whileLocked(app.db, dev.profileId, async (waiting) => {
    const removed = owner.profiles.removeProfile({ id: dev.profileId });
    await waiting(1);
    const minted = outcome(newDeveloperKey(app, dev));
    await waiting(2);
    return { removed, minted };
  });
  await removed;
  expect(await minted).toBe("ACCOUNT_MISMATCH");
});

test("only its own user can mint and rotate a developer key, and others may disable and revoke it", async () => {
  const owner = await app.newAccount();
  const team = await newTeam(owner, "ci", "admin");
  const robot = await newServiceKey(app, owner, (await newServiceAccount(owner, "robot", team)).id);
  const application = await issueKey(owner, { spec: { permissions: ["*"], workspaceScope: ALL } });
  const admin = await newMember(app, owner, "admin");
  const dev = await newMember(app, owner, "developer");
  const key = await newDeveloperKey(app, dev);
  const before = await storedKey(app, key.id);
  const others = [owner, admin, robot, app.clientAs(application.token), await newDeveloperKey(app, admin)];
  for (const other of others) {
    expect(await refusal(rotate(other, key.id, 60))).toMatchObject({
      reason: "PERMISSION_DENIED",
      metadata: { permission: "api_keys:write" },
    });
  }
  expect(await storedKey(app, key.id)).toEqual(before);
  for (const other of [robot, app.clientAs(application.token)]) {
    expect(await outcome(newDeveloperKey(app, other))).toBe("PERMISSION_DENIED");
  }
  await admin.apiKeys.disableApiKey({ id: key.id });
  expect(await verdictOf(app, key.token)).toBe("DISABLED");
  // The user may not enable a key that another member disabled.
  expect(await outcome(dev.apiKeys.enableApiKey({ id: key.id }))).toBe("PERMISSION_DENIED");
  await admin.apiKeys.enableApiKey({ id: key.id });
  const next = await rotate(dev, key.id);
  expect([await verdictOf(app, key.token), await verdictOf(app, next)]).toEqual(["REVOKED", "VALID"]);
  await owner.apiKeys.revokeApiKey({ id: key.id });
  expect(await verdictOf(app, next)).toBe("REVOKED");
});

test.each(["viewer", "nothing"])(
  "a %s mints, lists, reads, rotates and revokes their own developer keys",
  async (role) => {
    const owner = await app.newAccount();
    await newRole(owner, "nothing");
    const member = await newMember(app, owner, role);
    const key = await newDeveloperKey(app, member);
    expect(await permissionsOf(key)).toEqual(role === "viewer" ? ["*:read"] : []);
    const { items } = await member.apiKeys.listApiKeys({ includeInfo: true });
    expect(items.map(({ metadata }) => metadata?.id)).toContain(key.id);
    expect((await member.apiKeys.getApiKey({ id: key.id })).apiKey?.metadata?.id).toBe(key.id);
    const next = await rotate(member, key.id, 60);
    expect(await verdictOf(app, next)).toBe("VALID");
    await member.apiKeys.revokeApiKey({ id: key.id });
    expect([await verdictOf(app, key.token), await verdictOf(app, next)]).toEqual(["REVOKED", "REVOKED"]);
    // For this they need a session, because the key itself is not its user here.
    const another = await newDeveloperKey(app, member);
    for (const call of [
      () => rotate(another, another.id, 60),
      () => another.apiKeys.revokeApiKey({ id: another.id }),
      () => newDeveloperKey(app, another),
    ]) {
      expect(await outcome(call())).toBe("PERMISSION_DENIED");
    }
  },
);

test("a person without the permission to read keys cannot even learn whether other keys exist", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "nothing");
  const [member, other] = [await newMember(app, owner, "nothing"), await newMember(app, owner, "nothing")];
  const [mine, theirs] = [await newDeveloperKey(app, member), await newDeveloperKey(app, other)];
  const application = await issueKey(owner);
  const { items } = await member.apiKeys.listApiKeys({ showRevoked: true });
  expect(items.map(({ metadata }) => metadata?.id)).toEqual([mine.id]);
  const missing = "key_01jd0000000000000000000000";
  for (const id of [theirs.id, application.id, missing]) {
    for (const [permission, call] of [
      ["api_keys:read", () => member.apiKeys.getApiKey({ id })],
      ["api_keys:write", () => rotate(member, id)],
      ["api_keys:manage", () => member.apiKeys.revokeApiKey({ id })],
    ] as const) {
      const refused = await refusal(call());
      expect(refused).toMatchObject({ code: "PermissionDenied", metadata: { permission } });
      expect(refused.message).toBe(`the permission ${permission} is missing`);
    }
  }
  expect(await outcome(issueKey(member))).toBe("PERMISSION_DENIED");
  expect(await outcome(issueKey(member, { spec: { kind: ApiKeyKind.SERVICE } }))).toBe("PERMISSION_DENIED");
});
