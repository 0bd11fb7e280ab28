import { expect, test } from "vitest";
import {
  ApiKeyKind,
  type ApiKeySpec,
  ApiKeyState,
  Environment,
  WorkspaceScope,
} from "../../gen/latchkey/v1/api_key_pb.ts";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { ProfileType } from "../../gen/latchkey/v1/profile_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import {
  newMember,
  newRobot,
  newServiceAccount,
  newServiceKey,
  newTeam,
  permissionsOf,
  principalOf,
} from "../support/actors/actors.ts";
import { inSeconds, rotate, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { ALL, SELECTED } = WorkspaceScope;

test("a service key has its own kind of token, no environment, its team's permissions and every workspace", async () => {
  const { owner, robot } = await newRobot(app, "agents:read", "runs:start");
  const workspaceId = await newWorkspace(owner);
  const spec = { kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id };
  const key = await issueKey(owner, { spec });
  expect(key.token).toMatch(/^lk_svc_/);
  expect(key.spec).toMatchObject({
    ...spec,
    permissions: ["*"],
    environment: Environment.UNSPECIFIED,
    workspaceScope: ALL,
    system: false,
  });
  expect(await principalOf(app.clientAs(key.token))).toMatchObject({
    kind: PrincipalKind.SERVICE_KEY,
    keyId: key.id,
    userId: "",
    // The acting profile is the service account, for each of its keys.
    profile: { metadata: { id: robot.profileId }, spec: { type: ProfileType.SERVICE_ACCOUNT } },
    environment: Environment.UNSPECIFIED,
    permissions: ["agents:read", "runs:start"],
    workspaceScope: ALL,
    workspaceIds: [],
  });
  expect(await verdictOf(app, key.token, workspaceId)).toBe("VALID");
  // A key without an environment passes in both.
  for (const environment of [Environment.TEST, Environment.LIVE]) {
    const { valid } = await app
      .clientAs(app.platformToken)
      .tokens.verifyToken({ token: key.token, environment });
    expect(valid).toBe(true);
  }
});

test("a service key names a service account of its account, and no fields of other kinds", async () => {
  const { owner, robot } = await newRobot(app);
  const other = await app.newAccount("Other");
  const theirs = await newServiceAccount(other, "robot", await newTeam(other, "ci"));
  const service = { kind: ApiKeyKind.SERVICE, serviceAccountId: robot.id };
  const cases: [string, Partial<Omit<ApiKeySpec, "$typeName">>][] = [
    ["spec.service_account_id", { kind: ApiKeyKind.SERVICE }],
    ["spec.service_account_id", { ...service, serviceAccountId: newId("sa") }],
    ["spec.service_account_id", { ...service, serviceAccountId: theirs.id }],
    ["spec.service_account_id", { serviceAccountId: robot.id }],
    ["spec.service_account_id", { ...service, kind: ApiKeyKind.DEVELOPER }],
    ["spec.environment", { ...service, environment: Environment.TEST }],
    ["spec.environment", { ...service, environment: Environment.LIVE }],
  ];
  for (const [field, spec] of cases) {
    const call = owner.apiKeys.createApiKey({ metadata: { name: "x" }, spec });
    expect(await refusal(call)).toMatchObject({ code: "InvalidArgument", violations: [{ field }] });
  }
});

test("a service key may do what its team may now, and changes of the team take effect at once", async () => {
  const { owner, roleId, teamId, robot } = await newRobot(app, "agents:write", "runs:start");
  const whole = await newServiceKey(app, owner, robot.id);
  const narrow = await newServiceKey(app, owner, robot.id, { permissions: ["agents:read", "logs:read"] });
  const expectBoth = async (all: string[], some: string[]) => {
    expect([await permissionsOf(whole), await permissionsOf(narrow)]).toEqual([all, some]);
  };
  await expectBoth(["agents:write", "runs:start"], ["agents:read"]);
  await owner.roles.updateRole({ id: roleId, spec: { permissions: ["runs:start"] } });
  await expectBoth(["runs:start"], []);
  await owner.teams.updateTeam({ id: teamId, spec: { roles: ["viewer", roleId] } });
  await expectBoth(["*:read", "runs:start"], ["agents:read", "logs:read"]);
  await owner.teams.updateTeam({ id: teamId, updateMask: { paths: ["spec.roles"] } });
  await expectBoth([], []);
  // A key without any permission is still valid, and WhoAmI still works.
  expect(await verdictOf(app, whole.token)).toBe("VALID");
});

test("an empty list means everything only at creation, and afterwards means nothing", async () => {
  const { owner, robot } = await newRobot(app, "agents:read");
  const key = await newServiceKey(app, owner, robot.id);
  const updateMask = { paths: ["spec.permissions"] };
  await owner.apiKeys.updateApiKey({ id: key.id, metadata: { name: "no mask, no list: no change" } });
  expect(await permissionsOf(key)).toEqual(["agents:read"]);
  const { apiKey } = await owner.apiKeys.updateApiKey({ id: key.id, updateMask });
  expect(apiKey?.spec?.permissions).toEqual([]);
  expect(await permissionsOf(key)).toEqual([]);
  expect(await permissionsOf(app.clientAs(await rotate(owner, key.id)))).toEqual([]);
});

test("a service key of selected workspaces enters only those granted to it", async () => {
  const { owner, robot } = await newRobot(app, "agents:read");
  const [a, b] = [await newWorkspace(owner, "a"), await newWorkspace(owner, "b")];
  const none = await newServiceKey(app, owner, robot.id, { workspaceScope: SELECTED });
  const one = await newServiceKey(app, owner, robot.id, { workspaceScope: SELECTED }, [a]);
  const verdicts = async (key: { token: string }) => [
    await verdictOf(app, key.token, a),
    await verdictOf(app, key.token, b),
  ];
  expect(await verdicts(none)).toEqual(["WORKSPACE_FORBIDDEN", "WORKSPACE_FORBIDDEN"]);
  expect(await verdicts(one)).toEqual(["VALID", "WORKSPACE_FORBIDDEN"]);
  // Workspaces are granted to the profile of the key. A grant to its service account does not count.
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId: b, profileId: robot.profileId });
  expect(await verdicts(one)).toEqual(["VALID", "WORKSPACE_FORBIDDEN"]);
  await owner.apiKeys.addApiKeyWorkspace({ id: one.id, workspaceId: b });
  expect(await principalOf(one)).toMatchObject({ workspaceScope: SELECTED, workspaceIds: [a, b] });
  await owner.apiKeys.removeApiKeyWorkspace({ id: one.id, workspaceId: a });
  await owner.apiKeys.removeApiKeyWorkspace({ id: one.id, workspaceId: b });
  expect(await verdicts(one)).toEqual(["WORKSPACE_FORBIDDEN", "WORKSPACE_FORBIDDEN"]);
  const all = await newServiceKey(app, owner, robot.id);
  expect(await refusal(owner.apiKeys.addApiKeyWorkspace({ id: all.id, workspaceId: a }))).toMatchObject({
    code: "FailedPrecondition",
  });
});

test("a service key continues when its creator leaves, and ends with its service account", async () => {
  const { owner, robot } = await newRobot(app, "agents:read");
  const admin = await newMember(app, owner, "admin");
  const key = await newServiceKey(app, admin, robot.id);
  await admin.profiles.removeProfile({ id: admin.profileId });
  expect(await verdictOf(app, key.token)).toBe("VALID");
  expect(await permissionsOf(key)).toEqual(["agents:read"]);
  await owner.serviceAccounts.deleteServiceAccount({ id: robot.id });
  expect(await verdictOf(app, key.token)).toBe("REVOKED");
});

test("a service key ends at its expiry, which a rotation does not change", async () => {
  const { owner, robot } = await newRobot(app, "agents:read");
  const expiresAt = inSeconds(3600);
  const key = await newServiceKey(app, owner, robot.id, { expiresAt });
  await rotate(owner, key.id, 60);
  await rotate(key, key.id, 60).catch(() => "a superseded token rotates nothing");
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey).toMatchObject({ state: ApiKeyState.ACTIVE, spec: { expiresAt } });
});
