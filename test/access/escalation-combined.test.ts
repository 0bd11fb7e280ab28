import { describe, expect, test } from "vitest";
import { Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import {
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  permissionsOf,
} from "../support/actors/actors.ts";
import { inSeconds, rotate, storedKey, verdictOf } from "../support/actors/api-key.ts";
import { denied, forbidden, useTwoWorkspaces } from "../support/actors/two-workspaces.ts";
import { issueKey } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";

const at = useTwoWorkspaces();
const { ALL, SELECTED } = WorkspaceScope;
const otherEnvironment = { reason: "ENVIRONMENT_MISMATCH", metadata: { environment: "test" } };

describe("a permission counts in every workspace of the resulting key", () => {
  test("a key that may start runs in A cannot add that permission to a key of B", async () => {
    const caller = await at.keyInA("api_keys:write", "runs:start");
    const target = await issueKey(at.owner, { initialWorkspaceIds: [at.b] });
    const before = await storedKey(at.app, target.id);
    const update = caller.apiKeys.updateApiKey({ id: target.id, spec: { permissions: ["runs:start"] } });
    expect(await refusal(update)).toMatchObject(forbidden(at.b));
    expect(await storedKey(at.app, target.id)).toEqual(before);
  });

  test("a key that may only write keys cannot grant its workspace to a key that may do everything", async () => {
    const caller = await at.keyInA("api_keys:write", "workspaces:write");
    const { id, info } = await issueKey(at.owner, { spec: { permissions: ["*"] } });
    const profileId = info?.profileId ?? "";
    for (const grant of [
      () => caller.apiKeys.addApiKeyWorkspace({ id, workspaceId: at.a }),
      () => caller.workspaceAdmin.addWorkspaceMember({ workspaceId: at.a, profileId }),
    ]) {
      expect(await refusal(grant())).toMatchObject(denied("*"));
    }
    expect((await storedKey(at.app, id)).grants).toEqual([]);
  });

  test("a key cannot add a permission that it holds to a key that also holds another one", async () => {
    const caller = await at.keyInA("api_keys:write", "runs:start");
    const { id } = await issueKey(at.owner, {
      spec: { permissions: ["agents:write"] },
      initialWorkspaceIds: [at.a],
    });
    const permissions = ["agents:write", "runs:start"];
    expect(await refusal(caller.apiKeys.updateApiKey({ id, spec: { permissions } }))).toMatchObject(
      denied("agents:write"),
    );
  });

  test("a disabled key is enabled only by a caller who may do everything that the key may", async () => {
    const { id, token } = await issueKey(at.owner, { spec: { permissions: ["agents:write"] } });
    await at.owner.apiKeys.disableApiKey({ id });
    const caller = await at.keyInA("api_keys:manage", "agents:read");
    expect(await refusal(caller.apiKeys.enableApiKey({ id }))).toMatchObject(denied("agents:write"));
    expect(await verdictOf(at.app, token)).toBe("DISABLED");
    await at.owner.apiKeys.enableApiKey({ id });
    // A key that is already enabled is not revived.
    await caller.apiKeys.enableApiKey({ id });
    expect(await verdictOf(at.app, token)).toBe("VALID");
  });
});

describe("a test key that lives one hour, in workspace A", () => {
  const spec = { permissions: ["*"], environment: Environment.TEST };
  const brief = async () => {
    const made = await issueKey(at.owner, {
      spec: { ...spec, expiresAt: inSeconds(3600) },
      initialWorkspaceIds: [at.a],
    });
    return at.app.clientAs(made.token);
  };

  test("cannot give a role to a team whose service key would mint permanent live keys of all workspaces", async () => {
    const { teamId, robot } = await at.newRobot("api_keys:write");
    const key = await newServiceKey(at.app, at.owner, robot.id);
    const caller = await brief();
    for (const role of ["admin", await newRole(at.owner, at.name(), "agents:read")]) {
      const update = caller.teams.updateTeam({ id: teamId, spec: { roles: [role] } });
      expect(await refusal(update)).toMatchObject(otherEnvironment);
    }
    expect(await permissionsOf(key)).toEqual(["api_keys:write"]);
  });

  test.each(["admin", "custom"])("cannot invite a person to the role %s", async (role) => {
    const custom = role === "custom" ? await newRole(at.owner, at.name(), "agents:read") : role;
    const invited = (await brief()).invites.createInvite({
      email: `${at.name()}@example.com`,
      role: custom,
    });
    expect(await refusal(invited)).toMatchObject(otherEnvironment);
  });

  test("cannot act through a person, a service account, a role or a team", async () => {
    const caller = await brief();
    const { profileId } = await newMember(at.app, at.owner, "viewer");
    const { teamId, robot } = await at.newRobot("agents:read");
    const roleId = await newRole(at.owner, at.name(), "agents:read");
    const attempts: (() => Promise<unknown>)[] = [
      () => caller.profiles.setProfileRole({ id: profileId, role: "developer" }),
      () => caller.workspaceAdmin.addWorkspaceMember({ workspaceId: at.a, profileId }),
      () => caller.teams.addTeamMember({ id: teamId, profileId }),
      () => caller.teams.createTeam({ metadata: { name: at.name() }, spec: { roles: ["viewer"] } }),
      () =>
        caller.roles.createRole({ metadata: { name: at.name() }, spec: { permissions: ["agents:read"] } }),
      () => caller.roles.updateRole({ id: roleId, spec: { permissions: ["agents:write"] } }),
      () => caller.serviceAccounts.createServiceAccount({ metadata: { name: at.name() }, spec: { teamId } }),
      () => newServiceKey(at.app, caller, robot.id),
    ];
    for (const [index, attempt] of attempts.entries()) {
      expect({ index, ...(await refusal(attempt())) }).toMatchObject({ index, ...otherEnvironment });
    }
  });
});

test("a key that ends cannot act through a principal that does not end", async () => {
  const { teamId, robot } = await at.newRobot("*");
  const caller = await newServiceKey(at.app, at.owner, robot.id, { expiresAt: inSeconds(3600) });
  const { profileId } = await newMember(at.app, at.owner, "viewer");
  const roleId = await newRole(at.owner, at.name(), "agents:read");
  const attempts: (() => Promise<unknown>)[] = [
    () => caller.profiles.setProfileRole({ id: profileId, role: "developer" }),
    () => caller.workspaceAdmin.addWorkspaceMember({ workspaceId: at.a, profileId }),
    () => caller.teams.addTeamMember({ id: teamId, profileId }),
    () => caller.roles.updateRole({ id: roleId, spec: { permissions: ["agents:write"] } }),
    () => caller.serviceAccounts.createServiceAccount({ metadata: { name: at.name() }, spec: { teamId } }),
    () => caller.invites.createInvite({ email: `${at.name()}@example.com`, role: "viewer" }),
  ];
  for (const [index, attempt] of attempts.entries()) {
    expect({ index, ...(await refusal(attempt())) }).toMatchObject({
      index,
      reason: "PERMISSION_DENIED",
      metadata: { permission: "api_keys:write", expires_at: expect.any(String) },
    });
  }
});

describe("a key cannot bypass its own list by another key", () => {
  const list = { permissions: ["api_keys:write", "agents:read"] };

  test("a service key cannot give a key of another service account of its team what its own list lacks", async () => {
    const { teamId, robot } = await at.newRobot("api_keys:write", "agents:read");
    const sibling = await newServiceAccount(at.owner, at.name(), teamId);
    const narrow = await newServiceKey(at.app, at.owner, robot.id, list);
    const theirs = await newServiceKey(at.app, at.owner, sibling.id);
    const before = await storedKey(at.app, theirs.id);
    expect(await refusal(newServiceKey(at.app, narrow, sibling.id))).toMatchObject(denied("*"));
    expect(await refusal(rotate(narrow, theirs.id, 60))).toMatchObject(denied("*"));
    expect(await storedKey(at.app, theirs.id)).toEqual(before);
    const equal = await newServiceKey(at.app, narrow, sibling.id, list);
    const update = narrow.apiKeys.updateApiKey({ id: equal.id, spec: { permissions: ["*"] } });
    expect(await refusal(update)).toMatchObject(denied("*"));
  });

  test("a service key cannot create another service account in a team that may do more than the key", async () => {
    const { teamId, robot } = await at.newRobot("service_accounts:write", "agents:write");
    const narrow = await newServiceKey(at.app, at.owner, robot.id, {
      permissions: ["service_accounts:write"],
    });
    const spec = { metadata: { name: at.name() }, spec: { teamId } };
    expect(await refusal(narrow.serviceAccounts.createServiceAccount(spec))).toMatchObject(
      denied("agents:write"),
    );
  });

  test("a developer key of selected workspaces cannot give another key of its user more workspaces", async () => {
    const user = await at.member(["api_keys:write", "agents:read"], [at.a]);
    const narrow = await newDeveloperKey(at.app, user, { workspaceScope: SELECTED }, [at.a]);
    const whole = await newDeveloperKey(at.app, user);
    // The user enters no other workspace now, but may enter more later.
    expect(await refusal(newDeveloperKey(at.app, narrow))).toMatchObject(forbidden("*"));
    expect(await refusal(rotate(narrow, whole.id, 60))).toMatchObject(forbidden("*"));
    const equal = await newDeveloperKey(at.app, narrow, { workspaceScope: SELECTED }, [at.a]);
    const widen = { id: equal.id, spec: { workspaceScope: ALL } };
    expect(await refusal(narrow.apiKeys.updateApiKey(widen))).toMatchObject(forbidden("*"));
    expect(await outcome(rotate(narrow, narrow.id, 60))).toBe("ok");
  });
});

test("a superseded token cannot revive or widen anything", async () => {
  const key = await issueKey(at.owner, { spec: { permissions: ["*"], workspaceScope: ALL } });
  const target = await issueKey(at.owner, {});
  await at.owner.apiKeys.disableApiKey({ id: target.id });
  await rotate(at.owner, key.id, 3600);
  const superseded = at.app.clientAs(key.token);
  expect(await refusal(superseded.apiKeys.enableApiKey({ id: target.id }))).toMatchObject(
    denied("api_keys:write"),
  );
  await superseded.apiKeys.updateApiKey({ id: target.id, metadata: { name: "renamed" } });
});
