import { expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { type Clients, issueKey, type Owner, password } from "../support/app.ts";
import { expectSameAccess } from "../support/coherence/same-access.ts";
import { refusal } from "../support/errors.ts";
import { join, newSubject, useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role" });

const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const inAccount = (owner: Owner) => ({ "latchkey-account": idOf(owner) });

// A member of each, all under the one address.
async function joinAs(owner: Owner, sub: string): Promise<void> {
  await join(owner, await external.as({ sub }), "admin", `${sub}@example.com`);
}

async function reasonOf(person: Clients): Promise<string> {
  return (await refusal(person.profiles.whoAmI({}))).reason;
}

async function accountOf(person: Clients): Promise<string | undefined> {
  return (await person.profiles.whoAmI({})).principal?.accountId;
}

test("an issuer opens no account that it does not speak for, whatever its person may do there", async () => {
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

test("to a tenant that verifies, a token of an issuer that does not speak for its account is invalid", async () => {
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

test("the account is the one that is named, else the one that the token claims, else the only one", async () => {
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

test("a token that claims its account opens no other, by role or by membership", async () => {
  const [first, second] = [await external.app.newAccount(), await external.app.newAccount()];
  const sub = newSubject();
  await joinAs(second, sub);
  const claiming = { account_claim: "org", max_role: "admin" };
  const person = await external.asWith(claiming, { sub, org: idOf(first), role: "admin" }, inAccount(second));
  expect(await reasonOf(person)).toBe("ACCOUNT_MISMATCH");
});

test("where tokens claim their account, one that does not brings no role", async () => {
  const owner = await external.app.newAccount();
  const claims = { sub: newSubject(), role: "viewer" };
  const person = await external.asWith({ account_claim: "org" }, claims, inAccount(owner));
  expect(await reasonOf(person)).toBe("ACCOUNT_MISMATCH");
});

test("an issuer for every account does not speak for the platform's, unless that is named", async () => {
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
  // Known there by now, and still no way in.
  expect(await reasonOf(await external.asWith({ max_role: "support" }, claims, header))).toBe(
    "ACCOUNT_MISMATCH",
  );
  expect(await refusal(named.accounts.searchAccounts({}))).toMatchObject({ reason: "PERMISSION_DENIED" });
});

test("an account that does not exist looks like one that the token does not open", async () => {
  const header = { "latchkey-account": "acct_01jd0000000000000000000000" };
  const person = await external.as({ sub: newSubject(), role: "viewer" }, header);
  expect(await reasonOf(person)).toBe("ACCOUNT_MISMATCH");
});

test("without a setting a token of an outside issuer is garbage", async () => {
  const token = await external.issuer.token();
  const { profiles, tokens } = await external.clientWith(undefined, token);
  expect(await refusal(profiles.whoAmI({}))).toMatchObject({ reason: "INVALID_API_KEY" });
  await tokens.revokeToken({ token });
});

test("a token that speaks for every account makes one, which its person owns", async () => {
  const person = await external.as({ sub: newSubject() });
  const { account } = await person.accounts.createAccount({ metadata: { name: "Own" } });
  expect((await person.profiles.whoAmI({})).principal).toMatchObject({
    accountId: account?.metadata?.id,
    permissions: ["*"],
  });
});

test("somebody with a session stays who they are", async () => {
  const owner = await external.app.newAccount();
  const { token } = await external.app.clientAs("").sessions.logIn({ email: owner.email, password });
  expect(await accountOf(external.app.clientAs(token))).toBe(idOf(owner));
});

test("a person erases themselves with a token that speaks for all their accounts", async () => {
  const owner = await external.app.newAccount();
  const sub = newSubject();
  await join(owner, await external.as({ sub }), "viewer");
  await (await external.as({ sub })).sessions.deleteUser({});
  expect(await reasonOf(await external.as({ sub }))).toBe("ACCOUNT_REQUIRED");
  // Erasing oneself is no way round having left.
  const back = await external.as({ sub, role: "viewer" }, inAccount(owner));
  expect(await reasonOf(back)).toBe("ACCOUNT_MISMATCH");
});

test("every identity of these tests is loaded account by account as it is loaded whole", async () => {
  expect(await expectSameAccess(external.app.db)).toBeGreaterThan(5);
});
