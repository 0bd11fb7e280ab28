import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import {
  joinSignedIn,
  newDeveloperKey,
  newEmail,
  newMember,
  newRole,
  newServiceAccount,
  newTeam,
} from "../support/actors/actors.ts";
import { rotate, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp({
  LATCHKEY_MAX_PERMISSIONS_PER_KEY: "4",
  LATCHKEY_MAX_PERMISSIONS_PER_ROLE: "4",
  LATCHKEY_MAX_ROLES_PER_TEAM: "2",
  LATCHKEY_MAX_ROLES_PER_ACCOUNT: "9",
  LATCHKEY_MAX_TEAMS_PER_ACCOUNT: "5",
  LATCHKEY_MAX_SERVICE_ACCOUNTS_PER_ACCOUNT: "3",
  LATCHKEY_MAX_TEAMS_PER_PROFILE: "2",
  LATCHKEY_MAX_WORKSPACES_PER_PROFILE: "2",
  LATCHKEY_MAX_MEMBERSHIPS_PER_USER: "2",
  LATCHKEY_MAX_TOKENS_PER_KEY: "3",
});

const exceeds = (bound: string, limit: number) => ({
  code: "FailedPrecondition",
  reason: "BOUND_EXCEEDED",
  message: expect.stringContaining(bound),
  metadata: { bound, limit: String(limit) },
});
const things = (count: number, verb = "read") =>
  Array.from({ length: count }, (_, n) => `thing_${String(n).padStart(4, "0")}:${verb}`);

describe("the permission list of a key", () => {
  test("is refused at creation if its stored form exceeds the bound", async () => {
    const owner = await app.newAccount();
    const create = (permissions: string[]) =>
      owner.apiKeys.createApiKey({ metadata: { name: "key" }, spec: { permissions } });
    expect(await refusal(create(things(5)))).toMatchObject(exceeds("permissions_per_key", 4));
    const { apiKey } = await create([...things(4), ...things(4, "write"), ...things(4, "manage")]);
    expect(apiKey?.spec?.permissions).toEqual(things(4, "manage"));
    expect((await owner.apiKeys.listApiKeys({})).items.filter((key) => !key.spec?.system)).toHaveLength(1);
    expect(await outcome(newDeveloperKey(app, owner, { permissions: things(5) }))).toBe("BOUND_EXCEEDED");
  });

  test("may become shorter or different above the bound, but not longer", async () => {
    const owner = await app.newAccount();
    const { id } = await issueKey(owner, { spec: { permissions: ["*"] } });
    await sql`update api_key set permissions = ${things(7)} where id = ${id}`.execute(app.db);
    const update = (permissions: string[]) => owner.apiKeys.updateApiKey({ id, spec: { permissions } });
    expect(await refusal(update(things(8)))).toMatchObject(exceeds("permissions_per_key", 4));
    await owner.apiKeys.updateApiKey({ id, metadata: { name: "renamed" } });
    for (const permissions of [things(7, "start"), things(6, "start"), things(5), things(4)]) {
      expect((await update(permissions)).apiKey?.spec?.permissions).toEqual(permissions);
    }
    expect(await refusal(update(things(5)))).toMatchObject(exceeds("permissions_per_key", 4));
    expect((await owner.apiKeys.getApiKey({ id })).apiKey?.spec?.permissions).toEqual(things(4));
  });
});

test("a role cannot exceed the bound on permissions, and a role above it may lose some", async () => {
  const owner = await app.newAccount();
  expect(await refusal(newRole(owner, "long", ...things(5)))).toMatchObject(
    exceeds("permissions_per_role", 4),
  );
  const id = await newRole(owner, "role", ...things(4));
  const update = (permissions: string[]) => owner.roles.updateRole({ id, spec: { permissions } });
  expect(await refusal(update(things(5)))).toMatchObject(exceeds("permissions_per_role", 4));
  await sql`update role set permissions = ${things(7)} where id = ${id}`.execute(app.db);
  expect(await outcome(update(things(8)))).toBe("BOUND_EXCEEDED");
  expect(await outcome(update(things(6)))).toBe("ok");
});

test("a team cannot exceed the bound on roles, and a team above it may lose some", async () => {
  const owner = await app.newAccount();
  const roles = [];
  for (const name of ["a", "b", "c", "d"]) roles.push(await newRole(owner, name, "agents:read"));
  const [a = "", b = "", c = "", d = ""] = roles;
  expect(await refusal(newTeam(owner, "many", a, b, c))).toMatchObject(exceeds("roles_per_team", 2));
  const id = await newTeam(owner, "team", a, b, a);
  const update = (...roles: string[]) => owner.teams.updateTeam({ id, spec: { roles } });
  expect(await refusal(update(a, b, c))).toMatchObject(exceeds("roles_per_team", 2));
  expect((await owner.teams.getTeam({ id })).team?.spec?.roles).toEqual([a, b].sort());
  await sql`
    insert into team_role (account_id, team_id, role_id)
    select account_id, ${id}, id from role where id = any (${[c, d]})`.execute(app.db);
  expect(await outcome(update(a, b, c))).toBe("ok");
  expect(await outcome(update(b, c, d))).toBe("ok");
});

test("an account cannot exceed the bound on roles, even by concurrent creations", async () => {
  const owner = await app.newAccount();
  const made = await Promise.all(
    Array.from({ length: 8 }, (_, n) => outcome(newRole(owner, `role ${n}`, "agents:read"))),
  );
  // Four roles are built in.
  expect(made.sort()).toEqual([...Array(3).fill("BOUND_EXCEEDED"), ...Array(5).fill("ok")]);
  expect(await refusal(newRole(owner, "another"))).toMatchObject(exceeds("roles_per_account", 9));
});

test("an account cannot exceed the bounds on teams and service accounts, even by concurrent creations", async () => {
  const owner = await app.newAccount();
  const eight = async (make: (name: string) => Promise<unknown>) =>
    (await Promise.all(Array.from({ length: 8 }, (_, n) => outcome(make(`n${n}`))))).sort();
  const made = await eight((name) => newTeam(owner, name));
  expect(made).toEqual([...Array(3).fill("BOUND_EXCEEDED"), ...Array(5).fill("ok")]);
  expect(await refusal(newTeam(owner, "another"))).toMatchObject(exceeds("teams_per_account", 5));
  const { items } = await owner.teams.listTeams({});
  const [one = "", other = ""] = items.map((team) => team.metadata?.id);
  const robots = await eight((name) => newServiceAccount(owner, name, one));
  expect(robots).toEqual([...Array(5).fill("BOUND_EXCEEDED"), ...Array(3).fill("ok")]);
  expect(await refusal(newServiceAccount(owner, "another", one))).toMatchObject(
    exceeds("service_accounts_per_account", 3),
  );
  await owner.teams.deleteTeam({ id: other });
  expect(await outcome(newTeam(owner, "another"))).toBe("ok");
});

test("a person cannot exceed the bound on teams, even by concurrent additions", async () => {
  const owner = await app.newAccount();
  const { profileId } = await newMember(app, owner, "viewer");
  const teams: string[] = [];
  for (const name of ["a", "b", "c", "d"]) teams.push(await newTeam(owner, name));
  const add = (id: string) => owner.teams.addTeamMember({ id, profileId });
  const added = await Promise.all(teams.map((id) => outcome(add(id))));
  expect(added.sort()).toEqual(["BOUND_EXCEEDED", "BOUND_EXCEEDED", "ok", "ok"]);
  const { profile } = await owner.profiles.getProfile({ id: profileId });
  expect(profile?.info?.teamIds).toHaveLength(2);
  const [first = ""] = profile?.info?.teamIds ?? [];
  expect(await outcome(add(first))).toBe("ok");
  const other = teams.find((id) => !profile?.info?.teamIds.includes(id)) ?? "";
  expect(await refusal(add(other))).toMatchObject(exceeds("teams_per_profile", 2));
  await owner.teams.removeTeamMember({ id: first, profileId });
  expect(await outcome(add(other))).toBe("ok");
});

describe("the bound on granted workspaces holds for", () => {
  async function place() {
    const owner = await app.newAccount();
    const [a, b, c] = [await newWorkspace(owner), await newWorkspace(owner), await newWorkspace(owner)];
    return { owner, workspaces: [a, b, c] };
  }

  test("a key, at its creation and later, even by concurrent grants", async () => {
    const { owner, workspaces } = await place();
    const [a = ""] = workspaces;
    const many = issueKey(owner, { initialWorkspaceIds: workspaces });
    expect(await refusal(many)).toMatchObject(exceeds("workspaces_per_profile", 2));
    const { id } = await issueKey(owner, { spec: { workspaceScope: WorkspaceScope.SELECTED } });
    const added = await Promise.all(
      workspaces.map((workspaceId) => outcome(owner.apiKeys.addApiKeyWorkspace({ id, workspaceId }))),
    );
    expect(added.sort()).toEqual(["BOUND_EXCEEDED", "ok", "ok"]);
    expect((await owner.apiKeys.listApiKeyWorkspaces({ id })).items).toHaveLength(2);
    await sql`
      insert into workspace_grant (account_id, workspace_id, profile_id, created_by)
      select w.account_id, w.id, k.profile_id, k.profile_id from workspace w, api_key k
      where w.id = any (${workspaces}) and k.id = ${id} on conflict do nothing`.execute(app.db);
    // A repeated grant adds nothing. A workspace above the bound can be removed.
    expect(await outcome(owner.apiKeys.addApiKeyWorkspace({ id, workspaceId: a }))).toBe("ok");
    expect(await outcome(owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId: a }))).toBe("ok");
    expect(await refusal(owner.apiKeys.addApiKeyWorkspace({ id, workspaceId: a }))).toMatchObject(
      exceeds("workspaces_per_profile", 2),
    );
  });

  test("a person and a service account, even by concurrent grants", async () => {
    const { owner, workspaces } = await place();
    const member = await newMember(app, owner, "viewer");
    const robot = await newServiceAccount(owner, "robot", await newTeam(owner, "team"));
    for (const profileId of [member.profileId, robot.profileId]) {
      const add = (workspaceId: string) =>
        owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId });
      const added = await Promise.all(workspaces.map((id) => outcome(add(id))));
      expect(added.sort()).toEqual(["BOUND_EXCEEDED", "ok", "ok"]);
    }
  });

  test("the person who gets an invite", async () => {
    const { owner, workspaces } = await place();
    const invite = (workspaceIds: string[]) =>
      owner.invites.createInvite({ email: newEmail(), role: "viewer", workspaceIds });
    expect(await refusal(invite(workspaces))).toMatchObject(exceeds("workspaces_per_profile", 2));
    expect(await outcome(invite(workspaces.slice(1)))).toBe("ok");
  });
});

test("a user cannot exceed the bound on accounts, even by joining several concurrently", async () => {
  const user = await app.newAccount();
  const hosts = [await app.newAccount(), await app.newAccount(), await app.newAccount()];
  const entered = await Promise.all([
    ...hosts.map((host) => outcome(joinSignedIn(host, user, user.email, "viewer"))),
    outcome(user.accounts.createAccount({ metadata: { name: "second" } })),
  ]);
  expect(entered.sort()).toEqual([...Array(3).fill("BOUND_EXCEEDED"), "ok"]);
  expect(await refusal(user.accounts.createAccount({ metadata: { name: "third" } }))).toMatchObject(
    exceeds("memberships_per_user", 2),
  );
  expect((await user.accounts.listAccounts({})).items).toHaveLength(2);
});

test("the tokens of a key that ended first make room for new ones", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const tokens = [key.token];
  for (let n = 0; n < 4; n++) tokens.push(await rotate(owner, key.id));
  const verdicts = await Promise.all(tokens.map((token) => verdictOf(app, token)));
  expect(verdicts).toEqual(["INVALID", "INVALID", "REVOKED", "REVOKED", "VALID"]);
  tokens.push(await rotate(owner, key.id, 60), await rotate(owner, key.id, 60));
  const overlapping = owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 60n } });
  expect(await refusal(overlapping)).toMatchObject(exceeds("tokens_per_key", 3));
  for (const token of tokens.slice(-3)) expect(await verdictOf(app, token)).toBe("VALID");
  expect(await verdictOf(app, await rotate(owner, key.id))).toBe("VALID");
});

test("a refused change writes only the event of its refusal", async () => {
  const owner = await app.newAccount();
  const id = await newRole(owner, "role", ...things(2));
  const before = (await owner.roles.getRole({ id })).role;
  await refusal(
    owner.roles.updateRole({ id, metadata: { name: "other" }, spec: { permissions: things(5) } }),
  );
  expect((await owner.roles.getRole({ id })).role).toEqual(before);
});
