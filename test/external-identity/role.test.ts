import { expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { PermissionSourceKind } from "../../gen/latchkey/v1/explanation_pb.ts";
import { newMember, newRole } from "../support/actors/actors.ts";
import { rotate, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { expectSameAccess } from "../support/coherence/same-access.ts";
import { refusal } from "../support/errors.ts";
import { type IssuerSetting, join, newSubject, useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role" });

// Returns the permissions of a token with a claimed role in an account, under a setting.
async function permissionsOf(owner: Owner, setting: IssuerSetting, claims: Record<string, unknown>) {
  const person = await external.asWith(setting, claims, header(owner));
  return (await person.profiles.whoAmI({})).principal?.permissions;
}

function header(owner: Owner): Record<string, string> {
  return { "latchkey-account": owner.account.metadata?.id ?? "" };
}

test.for([
  ["viewer", "viewer", ["*:read"]],
  ["developer", "viewer", ["*:read"]],
  ["admin", "viewer", ["*:read"]],
  ["owner", "viewer", ["*:read"]],
  ["viewer", "admin", ["*:read"]],
  ["admin", "developer", ["*:write", "api_keys:write"]],
  ["owner", "admin", ["*"]],
  [["nobody knows this", "Developer"], "admin", ["*:write", "api_keys:write"]],
] as const)("a claimed %s is at most %s", async ([role, maxRole, expected]) => {
  const owner = await external.app.newAccount();
  expect(await permissionsOf(owner, { max_role: maxRole }, { sub: newSubject(), role })).toEqual(expected);
});

test("roles of the account count by name and by id, and limit the claims", async () => {
  const owner = await external.app.newAccount();
  const runner = await owner.roles.createRole({
    metadata: { name: "Runner" },
    spec: { permissions: ["runs:*", "agents:read"] },
  });
  await owner.roles.createRole({
    metadata: { name: "most" },
    spec: { permissions: ["runs:start", "agents:write"] },
  });
  const both = ["agents:read", "runs:start"];
  for (const role of ["runner", runner.role?.metadata?.id]) {
    expect(await permissionsOf(owner, { max_role: "most" }, { sub: newSubject(), role })).toEqual(both);
  }
});

test.for([
  ["an unknown role", { max_role: "viewer" }, "nobody knows this"],
  ["no role at all", { max_role: "viewer" }, undefined],
  ["a claim of another type", { max_role: "viewer" }, { viewer: true }],
  ["a limit that the account does not have", { max_role: "nobody knows this" }, "viewer"],
  ["a role without a setting for its claim", { role_claim: undefined }, "viewer"],
] as const)("for a person who is not a member, %s gives no access", async ([, setting, role]) => {
  const owner = await external.app.newAccount();
  const person = await external.asWith(setting, { sub: newSubject(), role }, header(owner));
  expect(await refusal(person.profiles.whoAmI({}))).toMatchObject({
    code: "PermissionDenied",
    reason: "ACCOUNT_MISMATCH",
    metadata: { account_id: owner.account.metadata?.id },
  });
});

test("no claim counts if the limit is the owner role, named by its id", async () => {
  const owner = await external.app.newAccount();
  const { items } = await owner.roles.listRoles({});
  const max_role = items.find((role) => role.metadata?.name === "owner")?.metadata?.id;
  const person = await external.asWith({ max_role }, { sub: newSubject(), role: "viewer" }, header(owner));
  expect(await refusal(person.profiles.whoAmI({}))).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
});

test("a claimed owner role cannot create, change or remove an owner", async () => {
  const owner = await external.app.newAccount();
  const person = await external.asWith(
    { max_role: "admin" },
    { sub: newSubject(), role: "owner" },
    header(owner),
  );
  const id = owner.profile.metadata?.id ?? "";
  const calls = [
    () => person.profiles.removeProfile({ id }),
    () => person.profiles.setProfileRole({ id, role: "viewer" }),
    () => person.invites.createInvite({ email: "x@example.com", role: "owner" }),
    () => person.accounts.deleteAccount({ name: "Acme" }),
  ];
  for (const call of calls) expect(await refusal(call())).toMatchObject({ reason: "PERMISSION_DENIED" });
});

test("a claimed role counts only for its request, adds to a membership, and is not stored", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  const profileId = await join(owner, await external.as({ sub }), "viewer");
  const setting = { max_role: "admin" };
  expect(await permissionsOf(owner, setting, { sub, role: "developer" })).toEqual([
    "*:write",
    "api_keys:write",
  ]);
  expect(await permissionsOf(owner, setting, { sub })).toEqual(["*:read"]);
  const { profile } = await owner.profiles.getProfile({ id: profileId });
  expect(profile?.info?.role).toBe("viewer");
});

test("a lower claim does not reduce the rights of a member", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  await join(owner, await external.as({ sub }), "admin");
  expect(await permissionsOf(owner, {}, { sub, role: "viewer" })).toEqual(["*"]);
});

test("a claimed admin enters every workspace, and a claimed viewer only the granted ones", async () => {
  const owner = await external.app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const sub = newSubject();
  const viewer = await external.asWith({ max_role: "admin" }, { sub, role: "viewer" }, header(owner));
  const { profile, principal } = await viewer.profiles.whoAmI({});
  expect(principal).toMatchObject({ workspaceScope: WorkspaceScope.SELECTED, workspaceIds: [] });
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: profile?.metadata?.id });
  expect((await viewer.profiles.whoAmI({})).principal?.workspaceIds).toEqual([workspaceId]);
  const admin = await external.asWith({ max_role: "admin" }, { sub, role: "admin" }, header(owner));
  expect((await admin.profiles.whoAmI({})).principal?.workspaceScope).toBe(WorkspaceScope.ALL);
  const bounded = await external.asWith({}, { sub, role: "admin" }, header(owner));
  expect((await bounded.profiles.whoAmI({})).principal?.workspaceScope).toBe(WorkspaceScope.SELECTED);
});

test("the rights of a claimed role cannot pass to a credential", async () => {
  const owner = await external.app.newAccount();
  const guest = await external.asWith(
    { max_role: "admin" },
    { sub: newSubject(), role: "admin" },
    header(owner),
  );
  const developer = { spec: { kind: ApiKeyKind.DEVELOPER } };
  expect(await refusal(issueKey(guest, developer))).toMatchObject({ reason: "PERMISSION_DENIED" });

  const sub = newSubject();
  await join(owner, await external.as({ sub }), "viewer");
  const member = await external.asWith({ max_role: "admin" }, { sub, role: "admin" }, header(owner));
  const key = await issueKey(member, developer);
  const { principal } = await external.app.clientAs(key.token).profiles.whoAmI({});
  expect(principal?.permissions).toEqual(["*:read"]);
});

test("a role that tokens may claim counts with every person who may claim it", async () => {
  const owner = await external.app.newAccount();
  const [a, b] = [await newWorkspace(owner, "a"), await newWorkspace(owner, "b")];
  const writer = await newRole(owner, "writer", "agents:write");
  const runner = await newRole(owner, "runner", "agents:read");
  await newRole(owner, "manager", "roles:manage", "agents:read", "runs:start");
  const manager = await newMember(external.app, owner, "manager", [a]);
  const claims = { sub: newSubject(), role: "viewer" };
  const guest = await external.asWith({ max_role: "admin" }, claims, header(owner));
  const profileId = (await guest.profiles.whoAmI({})).profile?.metadata?.id ?? "";
  const make = { metadata: { name: "on call" }, spec: { permissions: ["runs:start"] } };
  const update = { id: runner, spec: { permissions: ["agents:read", "runs:start"] } };
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId: b, profileId });
  for (const call of [() => manager.roles.createRole(make), () => manager.roles.updateRole(update)]) {
    const forbidden = { reason: "WORKSPACE_FORBIDDEN", metadata: { workspace_id: b } };
    expect(await refusal(call())).toMatchObject(forbidden);
  }
  await owner.profiles.removeProfile({ id: profileId });
  // A person with the claim "on call" would become a writer.
  const rename = manager.roles.updateRole({ id: writer, metadata: { name: "on call" } });
  expect(await refusal(rename)).toMatchObject({ metadata: { permission: "agents:write" } });
  await manager.roles.createRole(make);
  await manager.roles.updateRole(update);
});

test("a grace period that a claimed role gave continues until its person is removed", async () => {
  const owner = await external.app.newAccount();
  const claims = { sub: newSubject(), role: "admin" };
  const guest = await external.asWith({ max_role: "admin" }, claims, header(owner));
  const profileId = (await guest.profiles.whoAmI({})).profile?.metadata?.id ?? "";
  const key = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const newest = await rotate(guest, key.id, 3600);
  await owner.apiKeys.disableApiKey({ id: (await issueKey(owner, {})).id });
  expect(await verdictOf(external.app, key.token)).toBe("VALID");
  await owner.profiles.removeProfile({ id: profileId });
  expect([await verdictOf(external.app, key.token), await verdictOf(external.app, newest)]).toEqual([
    "REVOKED",
    "VALID",
  ]);
});

test("every identity of these tests is loaded account by account with the same result as at once", async () => {
  expect(await expectSameAccess(external.app.db)).toBeGreaterThan(5);
});

test("an explanation names the claimed role that a permission comes from, within the role that limits the claims", async () => {
  const owner = await external.app.newAccount();
  const spec = { permissions: ["runs:*", "agents:start"] };
  const { role } = await owner.roles.createRole({ metadata: { name: "Runner" }, spec });
  const token = await external.issuer.token({ sub: newSubject(), role: ["Runner", "Developer"] });
  await external.app.clientAs(token, header(owner)).profiles.whoAmI({});
  const { explanation } = await owner.tokens.verifyToken({
    token,
    requiredPermissions: ["runs:read", "agents:start"],
    dryRun: true,
  });
  expect(
    explanation?.permissionSources.map(({ permission, kind, name, entry }) => [
      permission,
      kind,
      name,
      entry,
    ]),
  ).toEqual([
    ["runs:read", PermissionSourceKind.CLAIMED_ROLE, "developer", "*:write"],
    ["runs:read", PermissionSourceKind.CLAIMED_ROLE, "Runner", "runs:*"],
    ["*:read", PermissionSourceKind.CLAIMED_ROLE, "developer", "*:write"],
  ]);
  expect(explanation?.permissionSources[1]?.id).toBe(role?.metadata?.id);
  const rules = explanation?.rules.map(({ name, passed }) => `${name} ${passed}`);
  expect(rules).toEqual([
    ...["token true", "expiry true", "account true", "suspension true"],
    ...["permission true", "permission false"],
  ]);
});
