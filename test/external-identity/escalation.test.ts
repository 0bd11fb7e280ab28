import { beforeAll, expect, test } from "vitest";
import { type Member, newMember, newRole, newTeam, principalOf } from "../support/actors/actors.ts";
import { denied, forbidden } from "../support/actors/two-workspaces.ts";
import { type Clients, newWorkspace, type Owner } from "../support/app.ts";
import { outcome, refusal } from "../support/errors.ts";
import { type IssuerSetting, join, newSubject, useExternal } from "../support/oidc/external.ts";

const claiming = { role_claim: "role", max_role: "developer" };
const external = useExternal(claiming);
const managing = ["workspaces:manage", "profiles:manage", "invites:write", "teams:manage", "roles:manage"];
const developer = ["*:write", "api_keys:write"];

let owner: Owner;
let a: string;
let b: string;
let roles = 0;

/** Makes a member with these permissions and those that manage an account. */
async function manager(permissions: string[], workspaceIds: string[]): Promise<Member> {
  roles += 1;
  const role = await newRole(owner, `manager ${roles}`, ...managing, ...permissions);
  return newMember(external.app, owner, role, workspaceIds);
}

async function newGuest(
  claims: Record<string, unknown> = {},
): Promise<{ id: string; as: Clients; sub: string }> {
  const sub = newSubject();
  const as = await external.as({ sub, role: "viewer", ...claims }, inAccount());
  return { id: (await as.profiles.whoAmI({})).profile?.metadata?.id ?? "", as, sub };
}

/** Returns the clients of the same caller at an instance with other settings for the issuer. */
function withSetting(setting: IssuerSetting, { token }: Clients): Promise<Clients> {
  return external.clientWith(setting, token, inAccount());
}

function inAccount(): Record<string, string> {
  return { "latchkey-account": owner.account.metadata?.id ?? "" };
}

const grant = (by: Clients, workspaceId: string, profileId: string) =>
  by.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId });

let weak: Member;
let strong: Member;
let reader: string;
beforeAll(async () => {
  owner = await external.app.newAccount();
  [a, b] = [await newWorkspace(owner, "a"), await newWorkspace(owner, "b")];
  weak = await manager(["agents:read"], [a, b]);
  strong = await manager(developer, [a]);
  reader = await newRole(owner, "reader", "agents:read");
});

test("a guest cannot get a workspace from a caller with less than the guest's issuer may claim", async () => {
  const { id, as } = await newGuest();
  expect(await refusal(grant(weak, a, id))).toMatchObject(denied("*:write"));
  expect((await principalOf(as)).workspaceIds).toEqual([]);
  await grant(strong, a, id);
  expect((await principalOf(as)).workspaceIds).toEqual([a]);
  // The result counts as a whole, with the workspaces from before.
  await grant(owner, b, id);
  const c = await newWorkspace(owner, "c");
  const other = await manager(developer, [a, c]);
  expect(await refusal(grant(other, c, id))).toMatchObject(forbidden(b));
});

test("a guest of an issuer that may claim admin cannot get a workspace from a caller who is not an admin", async () => {
  const { id } = await newGuest();
  const caller = await withSetting({ max_role: "admin" }, strong);
  expect(await refusal(grant(caller, a, id))).toMatchObject(forbidden("*"));
});

test("a member with an external identity gains nothing from a caller with less than the issuer may claim", async () => {
  const profileId = await join(owner, await external.as({ sub: newSubject() }), reader);
  const starter = await newRole(owner, "starter", "agents:read");
  const team = await newTeam(owner, "readers", starter);
  const managers = await newTeam(owner, "managers", "manager 1");
  const calls = [
    () => grant(weak, a, profileId),
    () => weak.teams.addTeamMember({ id: managers, profileId }),
    () => weak.profiles.setProfileRole({ id: profileId, role: "manager 1" }),
  ];
  const starts = await manager(["agents:read", "runs:start"], [a, b]);
  for (const call of calls) expect(await refusal(call())).toMatchObject(denied("*:write"));
  // A change that gives nothing more passes.
  await weak.teams.addTeamMember({ id: team, profileId });
  await owner.workspaceAdmin.addWorkspaceMember({ workspaceId: a, profileId });
  const widen = [
    () => starts.roles.updateRole({ id: starter, spec: { permissions: ["agents:read", "runs:start"] } }),
    () => starts.teams.updateTeam({ id: team, spec: { roles: [starter, "manager 1"] } }),
  ];
  for (const call of widen) expect(await refusal(call())).toMatchObject(denied("*:write"));
  await weak.profiles.setProfileRole({ id: profileId, role: starter });
  await weak.roles.updateRole({ id: starter, spec: { permissions: [] } });
  await strong.profiles.setProfileRole({ id: profileId, role: reader });
});

test("only a caller with everything that the issuer may claim can make a guest a member", async () => {
  const { id } = await newGuest();
  await grant(owner, a, id);
  const call = () => weak.profiles.setProfileRole({ id, role: reader });
  expect(await refusal(call())).toMatchObject(denied("*:write"));
  await strong.profiles.setProfileRole({ id, role: reader });
});

test("a person accepts workspaces only from a maker who holds there what the issuer may claim", async () => {
  const invite = async (by: Clients, workspaceIds: string[]) => {
    const email = `${newSubject()}@example.com`;
    const { invite: made } = await by.invites.createInvite({ email, role: reader, workspaceIds });
    return { id: made?.metadata?.id ?? "", token: made?.spec?.token ?? "" };
  };
  const { as, id } = await newGuest();
  const refused = await refusal(as.invites.acceptInvite(await invite(weak, [a])));
  expect(refused).toMatchObject(denied("*:write"));
  const stranger = await external.as({ sub: newSubject() });
  expect(await outcome(stranger.invites.acceptInvite(await invite(strong, [a])))).toBe("ok");
  // Without a workspace, the invite gives nothing in which the issuer's claims count.
  const another = await external.as({ sub: newSubject() });
  expect(await outcome(another.invites.acceptInvite(await invite(weak, [])))).toBe("ok");
  // An invite readmits a person who was removed, with everything that the issuer claims.
  await owner.profiles.removeProfile({ id });
  expect(await refusal(as.invites.acceptInvite(await invite(weak, [])))).toMatchObject(denied("*:write"));
  expect(await outcome(as.invites.acceptInvite(await invite(strong, [])))).toBe("ok");
});

test("claims count only under the current settings", async () => {
  const elsewhere = (await external.app.newAccount()).account.metadata?.id ?? "";
  for (const setting of [{ role_claim: undefined }, { accounts: [elsewhere] }, { max_role: "reader" }]) {
    const { id } = await newGuest();
    expect(await outcome(grant(await withSetting(setting, weak), a, id))).toBe("ok");
  }
});

test("a role that becomes the limit of claims cannot give a pair that the caller lacks", async () => {
  const setting = { max_role: "most" };
  const { id } = await newGuest();
  const caller = await manager(["agents:read", "runs:start"], [a]);
  const by = await withSetting(setting, caller);
  await grant(owner, b, id);
  const create = () =>
    by.roles.createRole({ metadata: { name: "most" }, spec: { permissions: ["runs:start"] } });
  expect(await refusal(create())).toMatchObject(forbidden(b));
  const { role } = await owner.roles.createRole({
    metadata: { name: "most" },
    spec: { permissions: ["runs:start"] },
  });
  const update = { id: role?.metadata?.id ?? "", spec: { permissions: ["agents:read", "runs:start"] } };
  expect(await refusal(by.roles.updateRole(update))).toMatchObject(forbidden(b));
});

test("a role that is claimed by its id cannot be deleted if a role with that name would then count instead", async () => {
  const claimed = await newRole(owner, "claimed", "agents:read");
  const caller = await manager(["agents:read"], [a, b]);
  // While the first role exists, claims of the id mean this role.
  await owner.roles.createRole({ metadata: { name: claimed }, spec: { permissions: ["runs:start"] } });
  expect(await refusal(caller.roles.deleteRole({ id: claimed }))).toMatchObject(denied("runs:start"));
  await owner.roles.deleteRole({ id: claimed });
});
