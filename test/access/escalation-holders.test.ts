import { describe, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newMember, newRole, newServiceAccount, newTeam, permissionsOf } from "../support/actors/actors.ts";
import { inSeconds } from "../support/actors/api-key.ts";
import { denied, forbidden, useTwoWorkspaces } from "../support/actors/two-workspaces.ts";
import { issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const at = useTwoWorkspaces();
const { ALL, SELECTED } = WorkspaceScope;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("a role or team counts as all of its holders", () => {
  test("a role cannot get a permission that its holders would have in a workspace that the caller may not enter", async () => {
    const roleId = await newRole(at.owner, at.name(), "agents:read");
    const caller = await at.member(["roles:manage", "agents:read", "runs:start"], [at.a]);
    const spec = { permissions: ["agents:read", "runs:start"] };
    await newMember(at.app, at.owner, roleId, [at.a]);
    await caller.roles.updateRole({ id: roleId, spec });
    await at.owner.roles.updateRole({ id: roleId, spec: { permissions: ["agents:read"] } });
    await newMember(at.app, at.owner, roleId, [at.b]);
    expect(await refusal(caller.roles.updateRole({ id: roleId, spec }))).toMatchObject(forbidden(at.b));
  });

  test("the teams of its holders, pending invites, and service accounts with all workspaces count too", async () => {
    const caller = await at.member(["roles:manage", "agents:read", "runs:start"], [at.a]);
    const spec = { permissions: ["agents:read", "runs:start"] };
    const held: [string, (roleId: string) => Promise<unknown>][] = [
      [
        at.b,
        async (roleId) => {
          const team = await newTeam(at.owner, at.name(), roleId);
          const { profileId } = await newMember(at.app, at.owner, await newRole(at.owner, at.name()), [at.b]);
          await at.owner.teams.addTeamMember({ id: team, profileId });
        },
      ],
      [
        at.b,
        (roleId) =>
          at.owner.invites.createInvite({
            email: `${at.name()}@example.com`,
            role: roleId,
            workspaceIds: [at.b],
          }),
      ],
      [
        "*",
        async (roleId) => newServiceAccount(at.owner, at.name(), await newTeam(at.owner, at.name(), roleId)),
      ],
    ];
    for (const [workspace, hold] of held) {
      const roleId = await newRole(at.owner, at.name(), "agents:read");
      await hold(roleId);
      expect(await refusal(caller.roles.updateRole({ id: roleId, spec }))).toMatchObject(
        forbidden(workspace),
      );
      const replaced = await newRole(at.owner, at.name(), "runs:start");
      const replace = caller.roles.deleteRole({ id: roleId, replacement: replaced });
      expect(await refusal(replace)).toMatchObject(forbidden(workspace));
    }
  });

  test("a role cannot get a permission if one of its holders may also do more than the caller", async () => {
    const roleId = await newRole(at.owner, at.name(), "agents:read");
    const team = await newTeam(at.owner, at.name(), roleId);
    const { profileId } = await at.member(["logs:write"], [at.a]);
    await at.owner.teams.addTeamMember({ id: team, profileId });
    const caller = await at.member(["roles:manage", "teams:manage", "agents:read", "runs:start"], [at.a]);
    const spec = { permissions: ["agents:read", "runs:start"] };
    expect(await refusal(caller.roles.updateRole({ id: roleId, spec }))).toMatchObject(denied("logs:write"));
    const runner = await newRole(at.owner, at.name(), "runs:start");
    const update = caller.teams.updateTeam({ id: team, spec: { roles: [roleId, runner] } });
    expect(await refusal(update)).toMatchObject(denied("logs:write"));
  });

  test("a role or team without holders cannot get a permission that the caller lacks", async () => {
    const roleId = await newRole(at.owner, at.name(), "agents:read");
    const writer = await newRole(at.owner, at.name(), "agents:write");
    const team = await newTeam(at.owner, at.name(), roleId);
    const caller = await at.member(["roles:manage", "teams:manage", "agents:read"], [at.a]);
    const update = { id: roleId, spec: { permissions: ["agents:write"] } };
    expect(await refusal(caller.roles.updateRole(update))).toMatchObject(denied("agents:write"));
    const roles = { id: team, spec: { roles: [writer] } };
    expect(await refusal(caller.teams.updateTeam(roles))).toMatchObject(denied("agents:write"));
  });

  test("a person can join a team only if the caller enters their workspaces and may do as much as they may", async () => {
    const team = await newTeam(at.owner, at.name(), await newRole(at.owner, at.name(), "runs:start"));
    const caller = await at.member(["teams:write", "runs:start", "agents:read"], [at.a]);
    const elsewhere = await at.member(["agents:read"], [at.b]);
    const stronger = await at.member(["agents:write"], [at.a]);
    const fits = await at.member(["agents:read"], [at.a]);
    const add = ({ profileId }: { profileId: string }) => caller.teams.addTeamMember({ id: team, profileId });
    expect(await refusal(add(elsewhere))).toMatchObject(forbidden(at.b));
    expect(await refusal(add(stronger))).toMatchObject(denied("agents:write"));
    await add(fits);
    // A person who is already in the team gains nothing.
    await at.owner.teams.addTeamMember({ id: team, profileId: elsewhere.profileId });
    await add(elsewhere);
  });

  test("a person cannot get a role that counts in a workspace which the caller may not enter", async () => {
    const caller = await at.member(["profiles:manage", "runs:start", "agents:read"], [at.a]);
    const runner = await newRole(at.owner, at.name(), "runs:start");
    const elsewhere = await at.member(["agents:read"], [at.b]);
    const set = caller.profiles.setProfileRole({ id: elsewhere.profileId, role: runner });
    expect(await refusal(set)).toMatchObject(forbidden(at.b));
  });

  test("a person who may do more than the caller cannot get a workspace", async () => {
    const caller = await at.member(["workspaces:write"], [at.a]);
    const stronger = await at.member(["agents:read"], []);
    const { profileId, email } = stronger;
    for (const who of [{ profileId }, { email }]) {
      const add = caller.workspaceAdmin.addWorkspaceMember({ workspaceId: at.a, ...who });
      expect(await refusal(add)).toMatchObject(denied("agents:read"));
    }
  });
});

describe("a change that gives no principal more reach always passes", () => {
  test("a rename, or a narrowing of what reaches more than the caller", async () => {
    const strong = await newRole(at.owner, at.name(), "agents:write", "runs:start");
    const { id } = await issueKey(at.owner, { spec: { permissions: ["*"], workspaceScope: ALL } });
    const { teamId, robot } = await at.newRobot("agents:write");
    const admin = await newMember(at.app, at.owner, "admin");
    const caller = await at.member(
      ["api_keys:manage", "roles:manage", "teams:manage", "profiles:manage", "service_accounts:write"],
      [],
    );
    await caller.apiKeys.updateApiKey({
      id,
      metadata: { name: "renamed" },
      spec: { permissions: ["agents:*"] },
    });
    await caller.apiKeys.updateApiKey({ id, spec: { workspaceScope: SELECTED, expiresAt: inSeconds(60) } });
    await caller.roles.updateRole({
      id: strong,
      metadata: { name: at.name() },
      spec: { permissions: ["runs:start"] },
    });
    await caller.teams.updateTeam({ id: teamId, metadata: { name: at.name() } });
    await caller.serviceAccounts.updateServiceAccount({ id: robot.id, metadata: { name: at.name() } });
    await caller.teams.updateTeam({ id: teamId, updateMask: { paths: ["spec.roles"] } });
    await caller.profiles.setProfileRole({ id: admin.profileId, role: "viewer" });
    expect(await permissionsOf(admin)).toEqual(["*:read"]);
  });

  test("a repeat of an existing grant, membership or role", async () => {
    const { profileId } = await newMember(at.app, at.owner, "admin", [at.b]);
    const team = await newTeam(at.owner, at.name(), "admin");
    await at.owner.teams.addTeamMember({ id: team, profileId });
    const { id } = await issueKey(at.owner, { spec: { permissions: ["*"] }, initialWorkspaceIds: [at.b] });
    const caller = await at.member(
      ["*:read", "api_keys:write", "teams:write", "workspaces:write", "profiles:manage"],
      [],
    );
    await caller.apiKeys.addApiKeyWorkspace({ id, workspaceId: at.b });
    await caller.workspaceAdmin.addWorkspaceMember({ workspaceId: at.b, profileId });
    await caller.teams.addTeamMember({ id: team, profileId });
    await caller.profiles.setProfileRole({ id: profileId, role: "admin" });
  });
});
