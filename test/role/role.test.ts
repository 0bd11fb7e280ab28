import { expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { newMember, newRole, newTeam, permissionsOf } from "../support/actors/actors.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const builtins = ["owner", "admin", "developer", "viewer"];

test("a role is created, read, listed, updated and deleted", async () => {
  const owner = await app.newAccount();
  const metadata = { name: " Runner ", labels: { env: "prod" }, externalId: "r-1" };
  const spec = { description: "runs", permissions: ["write", "agents:read", "runs:start"] };
  const { role: made } = await owner.roles.createRole({ metadata, spec });
  const id = made?.metadata?.id ?? "";
  expect(id).toMatch(/^role_/);
  expect(made).toMatchObject({
    metadata: {
      ...metadata,
      name: "Runner",
      accountId: owner.account.metadata?.id,
      profileId: owner.profile.metadata?.id,
    },
    // The stored form is sorted and has no implied entries.
    spec: { description: "runs", permissions: ["*:write", "runs:start"], builtin: false },
  });
  const { role: changed } = await owner.roles.updateRole({ id, spec: { permissions: ["runs:stop"] } });
  expect(changed).toMatchObject({
    metadata: { name: "Runner", externalId: "r-1" },
    spec: { description: "runs", permissions: ["runs:stop"] },
  });
  expect((await owner.roles.getRole({ id })).role).toEqual(changed);
  expect((await owner.roles.listRoles({ labels: "env=prod" })).items).toEqual([changed]);
  expect((await owner.roles.listRoles({ query: "RUNN" })).items).toEqual([changed]);
  await owner.roles.deleteRole({ id });
  expect(await refusal(owner.roles.getRole({ id }))).toMatchObject({ reason: "NOT_FOUND" });
  expect((await owner.roles.listRoles({})).items).toHaveLength(builtins.length);
});

test("a new account has the four built-in roles", async () => {
  const owner = await app.newAccount();
  const { items } = await owner.roles.listRoles({ sortOrder: "asc" });
  expect(Object.fromEntries(items.map(({ metadata, spec }) => [metadata?.name, spec?.permissions]))).toEqual({
    owner: ["*"],
    admin: ["*"],
    developer: ["*:write", "api_keys:write"],
    viewer: ["*:read"],
  });
  expect(items.every(({ spec }) => spec?.builtin)).toBe(true);
});

test("built-in roles cannot be updated or deleted, even with a replacement, and their names are taken", async () => {
  const owner = await app.newAccount();
  const { items } = await owner.roles.listRoles({});
  for (const { metadata, spec } of items) {
    const { id, name } = metadata ?? { id: "", name: "" };
    for (const call of [
      () => owner.roles.updateRole({ id, spec: { permissions: ["agents:read"] } }),
      () => owner.roles.updateRole({ id, metadata: { name: "renamed" } }),
      () => owner.roles.updateRole({ id, metadata: { labels: { a: "b" } } }),
      () => owner.roles.deleteRole({ id }),
      () => owner.roles.deleteRole({ id, replacement: "viewer" }),
    ]) {
      expect(await refusal(call())).toMatchObject({
        code: "FailedPrecondition",
        reason: "IN_USE",
        metadata: { role: name },
      });
    }
    const again = owner.roles.createRole({ metadata: { name: name.toUpperCase() } });
    expect(await refusal(again)).toMatchObject({ reason: "ALREADY_EXISTS" });
    expect((await owner.roles.getRole({ id })).role).toMatchObject({ metadata: { name }, spec });
  }
});

test("an error names each wrong field", async () => {
  const { roles } = await app.newAccount();
  const name = "x";
  const cases: [string, Parameters<typeof roles.createRole>[0]][] = [
    ["metadata.name", {}],
    ["metadata.name", { metadata: { name: "\u00a0\u200b" } }],
    ["metadata.name", { metadata: { name: "x".repeat(129) } }],
    ["spec.permissions[0]", { metadata: { name }, spec: { permissions: ["agents"] } }],
    ["spec.permissions[1]", { metadata: { name }, spec: { permissions: ["*", "Agents:read"] } }],
    ["spec.description", { metadata: { name }, spec: { description: "x".repeat(1025) } }],
    ["request_id", { metadata: { name }, requestId: "a b" }],
  ];
  for (const [field, request] of cases) {
    expect(await refusal(roles.createRole(request))).toMatchObject({
      code: "InvalidArgument",
      violations: [{ field }],
    });
  }
  const id = (await roles.createRole({ metadata: { name } })).role?.metadata?.id;
  const paths = ["spec.builtin"];
  expect(await refusal(roles.updateRole({ id, updateMask: { paths } }))).toMatchObject({
    violations: [{ field: "update_mask" }],
  });
});

test("a missing role is not found", async () => {
  const owner = await app.newAccount();
  const foreign = await newRole(await app.newAccount("Other"), "foreign");
  for (const id of [newId("role"), foreign, "nonsense"]) {
    for (const call of [
      () => owner.roles.getRole({ id }),
      () => owner.roles.updateRole({ id, metadata: { name: "x" } }),
      () => owner.roles.deleteRole({ id }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
    }
  }
});

test("an update checks its etag and its mask, and an update without a difference keeps the etag", async () => {
  const { roles } = await app.newAccount();
  const spec = { description: "d", permissions: ["agents:read"] };
  const { role } = await roles.createRole({ metadata: { name: "a", labels: { x: "y" } }, spec });
  const { id } = role?.metadata ?? {};
  const etag = role?.etag ?? "";
  expect((await roles.updateRole({ id, etag, metadata: { name: "a" } })).role?.etag).toBe(etag);
  const paths = ["metadata.labels", "spec.permissions"];
  const masked = await roles.updateRole({ id, etag, metadata: { name: "ignored" }, updateMask: { paths } });
  expect(masked.role).toMatchObject({
    metadata: { name: "a", labels: {} },
    spec: { description: "d", permissions: [] },
  });
  expect(masked.role?.etag).not.toBe(etag);
  expect(await refusal(roles.updateRole({ id, etag, metadata: { name: "b" } }))).toMatchObject({
    code: "Aborted",
    reason: "ETAG_MISMATCH",
  });
});

test("a repeated request creates no second role, and the error names the first", async () => {
  const { roles } = await app.newAccount();
  const request = { metadata: { name: "once" }, requestId: "r-1" };
  const { role } = await roles.createRole(request);
  expect(await refusal(roles.createRole(request))).toMatchObject({
    code: "AlreadyExists",
    metadata: { id: role?.metadata?.id },
  });
});

test("holders keep a role by its id: a rename applies to them, and a new role with the old name does not", async () => {
  const owner = await app.newAccount();
  const id = await newRole(owner, "runner", "runs:start");
  const byName = await newMember(app, owner, "RUNNER");
  const byId = await newMember(app, owner, id);
  const team = await newTeam(owner, "ci", "runner");
  await owner.roles.updateRole({ id, metadata: { name: "starter" } });
  const replaced = await newRole(owner, "runner", "*");
  expect(await permissionsOf(byName)).toEqual(["runs:start"]);
  expect(await permissionsOf(byId)).toEqual(["runs:start"]);
  expect((await owner.teams.getTeam({ id: team })).team?.spec?.roles).toEqual([id]);
  const { profile } = await owner.profiles.getProfile({ id: byName.profileId });
  expect(profile?.info).toMatchObject({ roleId: id, role: "starter" });
  // A name refers to the role that has this name now.
  await owner.profiles.setProfileRole({ id: byName.profileId, role: "runner" });
  expect((await owner.profiles.getProfile({ id: byName.profileId })).profile?.info?.roleId).toBe(replaced);
});

test("a role named like another role's id does not replace it", async () => {
  const owner = await app.newAccount();
  const id = await newRole(owner, "weak", "agents:read");
  await newRole(owner, id, "*");
  expect(await permissionsOf(await newMember(app, owner, id))).toEqual(["agents:read"]);
});

test("a role with holders cannot be deleted, the error names them, and with a replacement they get that instead", async () => {
  const owner = await app.newAccount();
  const [id, next] = [await newRole(owner, "old", "runs:start"), await newRole(owner, "new", "runs:stop")];
  const member = await newMember(app, owner, id);
  const teamId = await newTeam(owner, "ci", id);
  const both = await newTeam(owner, "both", id, next);
  const { invite } = await owner.invites.createInvite({ email: "role.guest@example.com", role: id });
  const refused = await refusal(owner.roles.deleteRole({ id }));
  expect(refused).toMatchObject({ code: "FailedPrecondition", reason: "IN_USE" });
  const holders = [member.profileId, teamId, both, invite?.metadata?.id ?? ""];
  expect(refused.metadata.held_by?.split(",").sort()).toEqual(holders.sort());
  for (const replacement of [id, "owner", newId("role"), "nobody"]) {
    expect(await refusal(owner.roles.deleteRole({ id, replacement }))).toMatchObject({
      code: "InvalidArgument",
      violations: [{ field: "replacement" }],
    });
  }
  expect(await permissionsOf(member)).toEqual(["runs:start"]);
  await owner.roles.deleteRole({ id, replacement: "New" });
  expect(await permissionsOf(member)).toEqual(["runs:stop"]);
  for (const team of [teamId, both]) {
    expect((await owner.teams.getTeam({ id: team })).team?.spec?.roles).toEqual([next]);
  }
  const { items } = await owner.invites.listInvites({});
  expect(items.map(({ spec }) => spec?.role)).toEqual([next]);
});

test("a finished invite does not keep a role in use", async () => {
  const owner = await app.newAccount();
  const id = await newRole(owner, "guest");
  const invite = async (email: string) =>
    (await owner.invites.createInvite({ email, role: id })).invite?.metadata?.id ?? "";
  await owner.invites.revokeInvite({ id: await invite("a@example.com") });
  const late = await invite("b@example.com");
  await app.db
    .updateTable("invite")
    .set({ expires_at: new Date(Date.now() - 1000) })
    .where("id", "=", late)
    .execute();
  await owner.roles.deleteRole({ id });
  expect((await owner.invites.listInvites({ showAll: true })).items).toHaveLength(2);
});
