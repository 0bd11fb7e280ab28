import { expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import {
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
  permissionsOf,
  principalOf,
} from "../support/actors/actors.ts";
import { outcome, refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("a team is created, read, listed, updated and deleted", async () => {
  const owner = await app.newAccount();
  const [a, b] = [await newRole(owner, "a", "agents:read"), await newRole(owner, "b", "runs:start")];
  const metadata = { name: " CI ", labels: { env: "prod" }, externalId: "t-1" };
  const spec = { description: "builds", roles: ["A", b, a] };
  const { team: made } = await owner.teams.createTeam({ metadata, spec });
  const id = made?.metadata?.id ?? "";
  expect(id).toMatch(/^team_/);
  expect(made).toMatchObject({
    metadata: {
      ...metadata,
      name: "CI",
      accountId: owner.account.metadata?.id,
      profileId: owner.profile.metadata?.id,
    },
    // The response has their ids, each once.
    spec: { description: "builds", roles: [a, b] },
    info: { membersTotal: 0, serviceAccountsTotal: 0 },
  });
  const { team: changed } = await owner.teams.updateTeam({ id, spec: { roles: ["b"] } });
  expect(changed).toMatchObject({ metadata: { name: "CI" }, spec: { description: "builds", roles: [b] } });
  expect((await owner.teams.getTeam({ id })).team).toEqual(changed);
  const listed = (await owner.teams.listTeams({ labels: "env=prod", includeInfo: true })).items;
  expect(listed).toEqual([changed]);
  expect((await owner.teams.listTeams({})).items[0]?.info).toBeUndefined();
  await owner.teams.deleteTeam({ id });
  expect(await refusal(owner.teams.getTeam({ id }))).toMatchObject({ reason: "NOT_FOUND" });
});

test("an error names each wrong field, and a team cannot have the role owner", async () => {
  const owner = await app.newAccount();
  const { teams } = owner;
  const { items } = await owner.roles.listRoles({ query: "owner" });
  const ownerRole = items[0]?.metadata?.id ?? "";
  const foreign = await newRole(await app.newAccount("Other"), "foreign");
  const [metadata, id] = [{ name: "x" }, await newTeam(owner, "a team", "viewer")];
  const cases: [string, { roles?: string[]; description?: string }][] = [
    ["spec.roles[0]", { roles: ["owner"] }],
    ["spec.roles[1]", { roles: ["viewer", "OWNER"] }],
    ["spec.roles[0]", { roles: [ownerRole] }],
    ["spec.roles[0]", { roles: ["nobody"] }],
    ["spec.roles[0]", { roles: [foreign] }],
    ["spec.description", { description: "x".repeat(1025) }],
  ];
  for (const [field, spec] of cases) {
    const invalid = { code: "InvalidArgument", violations: [{ field }] };
    expect(await refusal(teams.createTeam({ metadata, spec }))).toMatchObject(invalid);
    expect(await refusal(teams.updateTeam({ id, spec }))).toMatchObject(invalid);
  }
  expect(await refusal(teams.createTeam({ metadata: { name: "\u00a0" } }))).toMatchObject({
    violations: [{ field: "metadata.name" }],
  });
  expect((await teams.listTeams({})).items).toHaveLength(1);
});

test("a missing team, member or replacement is not found", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount("Other")];
  const [team, foreign] = [await newTeam(owner, "ours"), await newTeam(other, "theirs")];
  const member = await newMember(app, owner, "viewer");
  const [ours, theirs] = [member.profileId, other.profile.metadata?.id ?? ""];
  const { profileId: robot } = await newServiceAccount(owner, "robot", team);
  for (const id of [newId("team"), foreign, "nonsense"]) {
    for (const call of [
      () => owner.teams.getTeam({ id }),
      () => owner.teams.updateTeam({ id, metadata: { name: "x" } }),
      () => owner.teams.deleteTeam({ id }),
      () => owner.teams.deleteTeam({ id: team, replacement: id }),
      () => owner.teams.listTeamMembers({ id }),
      () => owner.teams.addTeamMember({ id, profileId: ours }),
      () => owner.teams.removeTeamMember({ id, profileId: ours }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
    }
  }
  // Only people can be added. A service account belongs to its team by its own field.
  for (const profileId of [newId("prof"), theirs, robot]) {
    expect(await outcome(owner.teams.addTeamMember({ id: team, profileId }))).toBe("NOT_FOUND");
    expect(await outcome(owner.teams.removeTeamMember({ id: team, profileId }))).toBe("NOT_FOUND");
  }
});

test("an update checks its etag and its mask, and a repeated request creates no second team", async () => {
  const owner = await app.newAccount();
  const spec = { description: "d", roles: ["viewer"] };
  const request = { metadata: { name: "a", labels: { x: "y" } }, spec, requestId: "r-1" };
  const { team } = await owner.teams.createTeam(request);
  const [id, etag] = [team?.metadata?.id, team?.etag ?? ""];
  expect(await refusal(owner.teams.createTeam(request))).toMatchObject({
    code: "AlreadyExists",
    metadata: { id },
  });
  expect((await owner.teams.updateTeam({ id, etag, spec })).team?.etag).toBe(etag);
  const paths = ["metadata.labels", "spec.roles"];
  const masked = await owner.teams.updateTeam({ id, etag, metadata: { name: "z" }, updateMask: { paths } });
  expect(masked.team).toMatchObject({
    metadata: { name: "a", labels: {} },
    spec: { description: "d", roles: [] },
  });
  expect(await refusal(owner.teams.updateTeam({ id, etag, metadata: { name: "b" } }))).toMatchObject({
    code: "Aborted",
    reason: "ETAG_MISMATCH",
  });
});

test("a person joins and leaves a team, once each, and has its roles only as a member", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "own", "agents:read");
  await newRole(owner, "runner", "runs:start");
  const [member, id] = [await newMember(app, owner, "own"), await newTeam(owner, "ci", "runner")];
  const { profileId } = member;
  for (const _ of ["added", "added again"]) await owner.teams.addTeamMember({ id, profileId });
  expect((await owner.teams.getTeam({ id })).team?.info?.membersTotal).toBe(1);
  const { items } = await owner.teams.listTeamMembers({ id });
  expect(items.map(({ metadata }) => metadata?.id)).toEqual([profileId]);
  expect((await owner.profiles.getProfile({ id: profileId })).profile?.info?.teamIds).toEqual([id]);
  expect(await permissionsOf(member)).toEqual(["agents:read", "runs:start"]);
  for (const _ of ["removed", "removed again"]) await owner.teams.removeTeamMember({ id, profileId });
  expect(await permissionsOf(member)).toEqual(["agents:read"]);
  const { events } = await owner.audit
    .listAuditEvents({ resourceId: id, sortOrder: "asc" })
    .then(({ items }) => ({ events: items.map(({ method }) => method.split("/")[1]) }));
  expect(events).toEqual(["CreateTeam", "AddTeamMember", "RemoveTeamMember"]);
});

test("a deleted team gives nothing, and a person who left the account and returned is in no team", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "none");
  await newRole(owner, "runner", "runs:start");
  const [member, id] = [await newMember(app, owner, "none"), await newTeam(owner, "ci", "runner")];
  await owner.teams.addTeamMember({ id, profileId: member.profileId });
  expect(await permissionsOf(member)).toEqual(["runs:start"]);
  await owner.profiles.removeProfile({ id: member.profileId });
  expect((await owner.teams.listTeamMembers({ id })).items).toEqual([]);
  const next = await newMember(app, owner, "none");
  await owner.teams.addTeamMember({ id, profileId: next.profileId });
  await owner.teams.deleteTeam({ id });
  expect(await permissionsOf(next)).toEqual([]);
});

test("a team with the role admin gives its permissions, but not all workspaces or the rank of an owner", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "none");
  const [member, id] = [await newMember(app, owner, "none"), await newTeam(owner, "admins", "admin")];
  await owner.teams.addTeamMember({ id, profileId: member.profileId });
  expect(await principalOf(member)).toMatchObject({ permissions: ["*"], workspaceIds: [] });
  const call = member.profiles.setProfileRole({ id: member.profileId, role: "owner" });
  expect(await refusal(call)).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_DENIED" });
});

test("a team with service accounts cannot be deleted, the error names them, and with a replacement they move there", async () => {
  const owner = await app.newAccount();
  await newRole(owner, "old", "runs:start");
  await newRole(owner, "new", "runs:stop");
  const [id, next] = [await newTeam(owner, "old", "old"), await newTeam(owner, "new", "new")];
  const robots = [await newServiceAccount(owner, "r1", id), await newServiceAccount(owner, "r2", id)];
  const [robot = { id: "" }] = robots;
  const key = await newServiceKey(app, owner, robot.id);
  const { etag } = (await owner.serviceAccounts.getServiceAccount({ id: robot.id })).serviceAccount ?? {};
  expect(await refusal(owner.teams.deleteTeam({ id }))).toMatchObject({
    code: "FailedPrecondition",
    reason: "IN_USE",
    metadata: { service_account_ids: robots.map((one) => one.id).join(",") },
  });
  expect(await refusal(owner.teams.deleteTeam({ id, replacement: id }))).toMatchObject({
    violations: [{ field: "replacement" }],
  });
  expect(await permissionsOf(key)).toEqual(["runs:start"]);
  await owner.teams.deleteTeam({ id, replacement: next });
  expect(await permissionsOf(key)).toEqual(["runs:stop"]);
  const { serviceAccount } = await owner.serviceAccounts.getServiceAccount({ id: robot.id });
  expect(serviceAccount?.spec?.teamId).toBe(next);
  expect(serviceAccount?.etag).not.toBe(etag);
});

test("one of two teams that are deleted concurrently with each other as replacement stays with all service accounts", async () => {
  const owner = await app.newAccount();
  const [a, b] = [await newTeam(owner, "a"), await newTeam(owner, "b")];
  await newServiceAccount(owner, "r1", a);
  await newServiceAccount(owner, "r2", b);
  const calls = [
    owner.teams.deleteTeam({ id: a, replacement: b }),
    owner.teams.deleteTeam({ id: b, replacement: a }),
  ];
  expect((await Promise.all(calls.map(outcome))).sort()).toEqual(["NOT_FOUND", "ok"]);
  const { items } = await owner.teams.listTeams({ includeInfo: true });
  expect(items.map(({ info }) => info?.serviceAccountsTotal)).toEqual([2]);
});
