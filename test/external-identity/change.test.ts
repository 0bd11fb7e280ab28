import { expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { purgeOneAccount } from "../../src/domain/account/delete.ts";
import type { Clients, Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { join, newSubject, useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role" });

const inAccount = (owner: Owner) => ({ "latchkey-account": owner.account.metadata?.id ?? "" });

async function permissionsOf(person: Clients): Promise<string[] | undefined> {
  return (await person.profiles.whoAmI({})).principal?.permissions;
}

async function expectRefused(owner: Owner, person: Clients, reason: string, verdict: Verdict): Promise<void> {
  expect(await refusal(person.profiles.whoAmI({}))).toMatchObject({ reason });
  const platform = external.app.clientAs(external.app.platformToken);
  const question = { token: person.token, accountId: owner.account.metadata?.id ?? "" };
  expect(await platform.tokens.verifyToken(question)).toMatchObject({ verdict });
}

test("a changed role takes effect at the next call", async () => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject() });
  const id = await join(owner, person, "viewer");
  expect(await permissionsOf(person)).toEqual(["*:read"]);
  await owner.profiles.setProfileRole({ id, role: "admin" });
  expect(await permissionsOf(person)).toEqual(["*"]);
  await owner.profiles.setProfileRole({ id, role: "viewer" });
  expect(await permissionsOf(person)).toEqual(["*:read"]);
});

test("the roles of a team count, and end with the team", async () => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject() });
  const profileId = await join(owner, person, "viewer");
  await owner.roles.createRole({ metadata: { name: "runner" }, spec: { permissions: ["runs:start"] } });
  const { team } = await owner.teams.createTeam({ metadata: { name: "ci" }, spec: { roles: ["runner"] } });
  const id = team?.metadata?.id ?? "";
  await owner.teams.addTeamMember({ id, profileId });
  expect(await permissionsOf(person)).toEqual(["*:read", "runs:start"]);
  await owner.teams.removeTeamMember({ id, profileId });
  expect(await permissionsOf(person)).toEqual(["*:read"]);
});

test.for(["member", "guest"])("a suspended account rejects its %s at the next call", async (standing) => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject(), role: "viewer" }, inAccount(owner));
  if (standing === "member") await join(owner, person, "viewer");
  await person.profiles.whoAmI({});
  const platform = external.app.clientAs(external.app.platformToken);
  await platform.accounts.suspendAccount({ accountId: owner.account.metadata?.id ?? "" });
  await expectRefused(owner, person, "ACCOUNT_SUSPENDED", Verdict.ACCOUNT_SUSPENDED);
  await platform.accounts.resumeAccount({ accountId: owner.account.metadata?.id ?? "" });
  await person.profiles.whoAmI({});
});

test("a removed member stays out, even with a claimed role, until they are invited again", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  const person = await external.as({ sub }, inAccount(owner));
  const claiming = await external.as({ sub, role: "viewer" }, inAccount(owner));
  const address = `${sub}@example.com`;
  const id = await join(owner, person, "admin", address);
  await owner.profiles.removeProfile({ id });
  for (const one of [person, claiming]) {
    await expectRefused(owner, one, "ACCOUNT_MISMATCH", Verdict.ACCOUNT_MISMATCH);
  }
  expect(await join(owner, person, "viewer", address)).not.toBe(id);
  expect(await permissionsOf(person)).toEqual(["*:read"]);
});

test("a removed guest stays out", async () => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject(), role: "viewer" }, inAccount(owner));
  const { profile } = await person.profiles.whoAmI({});
  await owner.profiles.removeProfile({ id: profile?.metadata?.id });
  await expectRefused(owner, person, "ACCOUNT_MISMATCH", Verdict.ACCOUNT_MISMATCH);
});

test("a guest whose token claims no role is rejected, and the next token with a role is accepted", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  const claiming = await external.as({ sub, role: "viewer" }, inAccount(owner));
  await claiming.profiles.whoAmI({});
  const person = await external.as({ sub }, inAccount(owner));
  await expectRefused(owner, person, "ACCOUNT_MISMATCH", Verdict.ACCOUNT_MISMATCH);
  expect(await permissionsOf(claiming)).toEqual(["*:read"]);
});

test("a guest who gets a role becomes a member under the same profile", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  const { profile } = await (await external.as({ sub, role: "viewer" }, inAccount(owner))).profiles.whoAmI(
    {},
  );
  const id = profile?.metadata?.id;
  await owner.profiles.setProfileRole({ id, role: "developer" });
  const person = await external.as({ sub });
  expect(await permissionsOf(person)).toEqual(["*:write", "api_keys:write"]);
  expect((await person.profiles.whoAmI({})).profile?.metadata?.id).toBe(id);
});

test("a guest who accepts an invite becomes a member under a new profile, and the guest's profile is removed", async () => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject(), role: "viewer" }, inAccount(owner));
  const { profile } = await person.profiles.whoAmI({});
  const id = await join(owner, person, "developer");
  expect((await person.profiles.whoAmI({})).profile?.metadata?.id).toBe(id);
  const { items } = await owner.profiles.listProfiles({});
  expect(items.map((item) => item.metadata?.id)).not.toContain(profile?.metadata?.id);
});

test("an account with guests can be deleted with its data", async () => {
  const owner = await external.app.newAccount("Brief");
  const platform = external.app.clientAs(external.app.platformToken);
  const accountId = owner.account.metadata?.id ?? "";
  await platform.accounts.setEntitlements({ accountId, entitlements: ["deletion_days=0"] });
  const person = await external.as({ sub: newSubject(), role: "viewer" }, inAccount(owner));
  await person.profiles.whoAmI({});
  await owner.accounts.deleteAccount({ name: "Brief" });
  await expectRefused(owner, person, "ACCOUNT_SUSPENDED", Verdict.ACCOUNT_SUSPENDED);
  expect(await purgeOneAccount(external.app.db)).toBe(accountId);
  // The test's connection waits for its statements, but not for the end of its transaction.
  await external.app.app.settled();
  await expectRefused(owner, person, "ACCOUNT_MISMATCH", Verdict.ACCOUNT_MISMATCH);
});
