import { expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { type Clients, issueKey, type Owner, password } from "../support/app.ts";
import { expectSameAccess } from "../support/coherence/same-access.ts";
import { refusal } from "../support/errors.ts";
import { join, newSubject, useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role" });

const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const inAccount = (owner: Owner) => ({ "latchkey-account": idOf(owner) });

// Makes the person a member of the account. All members have the same e-mail address.
async function joinAs(owner: Owner, sub: string): Promise<void> {
  await join(owner, await external.as({ sub }), "admin", `${sub}@example.com`);
}

async function reasonOf(person: Clients): Promise<string> {
  return (await refusal(person.profiles.whoAmI({}))).reason;
}

async function accountOf(person: Clients): Promise<string | undefined> {
  return (await person.profiles.whoAmI({})).principal?.accountId;
}

test("a token is valid in no account outside its issuer's scope, even if its person has rights there", async () => {
  const [ours, theirs] = [await external.app.newAccount(), await external.app.newAccount()];
  const sub = newSubject();
  for (const owner of [ours, theirs]) await joinAs(owner, sub);
  const setting = { accounts: [idOf(ours)], max_role: "admin" };
  const claims = { sub, role: "admin" };
  expect(await reasonOf(await external.asWith(setting, claims, inAccount(theirs)))).toBe("ACCOUNT_MISMATCH");
  expect(await accountOf(await external.asWith(setting, claims))).toBe(idOf(ours));

  const person = await external.asWith(setting, claims);
  expect((await person.accounts.listAccounts({})).items.map((item) => item.metadata?.id)).toEqual([
    idOf(ours),
  ]);
  for (const call of [
    () => person.accounts.createAccount({ metadata: { name: "Another" } }),
    () => person.sessions.listSessions({}),
    () => person.sessions.revokeSession({ allOthers: true }),
    () => person.sessions.deleteUser({}),
  ]) {
    expect(await refusal(call())).toMatchObject({ reason: "LOGIN_REQUIRED" });
  }
  const { invite } = await theirs.invites.createInvite({ email: "someone@example.com", role: "viewer" });
  const accept = person.invites.acceptInvite({ id: invite?.metadata?.id, token: invite?.spec?.token });
  expect(await refusal(accept)).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
});

test("for a verifying tenant, a token is invalid if its issuer's scope excludes the tenant's account", async () => {
  const [ours, theirs] = [await external.app.newAccount(), await external.app.newAccount()];
  const sub = newSubject();
  for (const owner of [ours, theirs]) await joinAs(owner, sub);
  const verifier = await issueKey(theirs, { spec: { permissions: ["tokens:verify"] } });
  const token = await external.issuer.token({ sub });
  const known = await external.app.clientAs(verifier.token).tokens.verifyToken({ token });
  expect(known).toMatchObject({ verdict: Verdict.VALID, principal: { accountId: idOf(theirs) } });

  const setting = { accounts: [idOf(ours)] };
  const person = await external.asWith(setting, { sub });
  const { tokens } = await external.clientWith(setting, verifier.token);
  expect(await tokens.verifyToken({ token: person.token })).toMatchObject({
    verdict: Verdict.INVALID,
    metadata: {},
  });
});

test("the account is the one in the header, else the one in the claim, else the only one", async () => {
  const [first, second] = [await external.app.newAccount(), await external.app.newAccount()];
  const sub = newSubject();
  await joinAs(first, sub);
  expect(await accountOf(await external.as({ sub }))).toBe(idOf(first));
  await joinAs(second, sub);
  expect(await refusal((await external.as({ sub })).profiles.whoAmI({}))).toMatchObject({
    reason: "ACCOUNT_REQUIRED",
    metadata: { account_ids: [idOf(first), idOf(second)].sort().join(",") },
  });
  expect(await accountOf(await external.as({ sub }, inAccount(second)))).toBe(idOf(second));
  const claiming = { account_claim: "org" };
  expect(await accountOf(await external.asWith(claiming, { sub, org: idOf(first) }))).toBe(idOf(first));
});

test("a token that claims its account is valid in no other, by role or by membership", async () => {
  const [first, second] = [await external.app.newAccount(), await external.app.newAccount()];
  const sub = newSubject();
  await joinAs(second, sub);
  const claiming = { account_claim: "org", max_role: "admin" };
  const person = await external.asWith(claiming, { sub, org: idOf(first), role: "admin" }, inAccount(second));
  expect(await reasonOf(person)).toBe("ACCOUNT_MISMATCH");
});

test("if the issuer has an account claim, the roles of a token without that claim do not count", async () => {
  const owner = await external.app.newAccount();
  const claims = { sub: newSubject(), role: "viewer" };
  const person = await external.asWith({ account_claim: "org" }, claims, inAccount(owner));
  expect(await reasonOf(person)).toBe("ACCOUNT_MISMATCH");
});

test('the scope "every account" does not include the platform account, unless the settings name it', async () => {
  const platform = external.app.clientAs(external.app.platformToken);
  const id = (await platform.accounts.getAccount({})).account?.metadata?.id ?? "";
  await platform.roles.createRole({
    metadata: { name: "support" },
    spec: { permissions: ["*", "accounts:*"] },
  });
  const claims = { sub: newSubject(), role: "support" };
  const header = { "latchkey-account": id };
  expect(await reasonOf(await external.asWith({ max_role: "support" }, claims, header))).toBe(
    "ACCOUNT_MISMATCH",
  );
  const named = await external.asWith({ max_role: "support", accounts: [id] }, claims, header);
  expect(await accountOf(named)).toBe(id);
  // The person now has a user, but still cannot enter.
  expect(await reasonOf(await external.asWith({ max_role: "support" }, claims, header))).toBe(
    "ACCOUNT_MISMATCH",
  );
  expect(await refusal(named.accounts.searchAccounts({}))).toMatchObject({ reason: "PERMISSION_DENIED" });
});

test("the error for a missing account is the same as for an account that the token is not valid in", async () => {
  const header = { "latchkey-account": "acct_01jd0000000000000000000000" };
  const person = await external.as({ sub: newSubject(), role: "viewer" }, header);
  expect(await reasonOf(person)).toBe("ACCOUNT_MISMATCH");
});

test("without a setting, a token of an external issuer is invalid", async () => {
  const token = await external.issuer.token();
  const { profiles, tokens } = await external.clientWith(undefined, token);
  expect(await refusal(profiles.whoAmI({}))).toMatchObject({ reason: "INVALID_API_KEY" });
  await tokens.revokeToken({ token });
});

test("a token for every account may create an account, which its person owns", async () => {
  const person = await external.as({ sub: newSubject() });
  const { account } = await person.accounts.createAccount({ metadata: { name: "Own" } });
  expect((await person.profiles.whoAmI({})).principal).toMatchObject({
    accountId: account?.metadata?.id,
    permissions: ["*"],
  });
});

test("a person with a session keeps their identity", async () => {
  const owner = await external.app.newAccount();
  const { token } = await external.app.clientAs("").sessions.logIn({ email: owner.email, password });
  expect(await accountOf(external.app.clientAs(token))).toBe(idOf(owner));
});

test("a person erases themselves with a token for all their accounts", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  await join(owner, await external.as({ sub }), "viewer");
  await (await external.as({ sub })).sessions.deleteUser({});
  expect(await reasonOf(await external.as({ sub }))).toBe("ACCOUNT_REQUIRED");
  // A person who left cannot return by erasing themselves.
  const back = await external.as({ sub, role: "viewer" }, inAccount(owner));
  expect(await reasonOf(back)).toBe("ACCOUNT_MISMATCH");
});

test("every identity of these tests is loaded account by account with the same result as at once", async () => {
  expect(await expectSameAccess(external.app.db)).toBeGreaterThan(5);
});
