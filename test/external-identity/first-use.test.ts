import { sql } from "kysely";
import { expect, test } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { identityId } from "../../src/verify/oidc/oidc.ts";
import { issueKey } from "../support/app.ts";
import { lockBarrier } from "../support/database/lock-barrier.ts";
import { refusal } from "../support/errors.ts";
import { join, newSubject, useExternal } from "../support/oidc/external.ts";

const external = useExternal({ role_claim: "role" }, { turns: false });
// This is the size of the pool without the connection that blocks the calls.
const calls = 9;

async function usersOf(subject: string): Promise<number> {
  const { rows } = await sql<{ count: string }>`
    select count(*) as count from identity where subject = ${subject}`.execute(external.app.db);
  return Number(rows[0]?.count);
}

async function countOf(table: string): Promise<number> {
  const { rows } = await sql<{ count: string }>`select count(*) as count from ${sql.table(table)}`.execute(
    external.app.db,
  );
  return Number(rows[0]?.count);
}

async function everything(): Promise<number[]> {
  return Promise.all(["user", "identity", "profile", "guest", "membership", "audit_event"].map(countOf));
}

test("concurrent first calls create one user, and later calls create none", async () => {
  const subject = newSubject();
  const before = await countOf("user");
  const person = await external.as({ sub: subject });
  const ten = () => Promise.all(Array.from({ length: 10 }, () => person.accounts.listAccounts({})));
  await lockBarrier(external.app.db, "identity", calls, ten);
  await person.accounts.listAccounts({});
  expect(await usersOf(subject)).toBe(1);
  expect(await countOf("user")).toBe(before + 1);
});

test("ten concurrent first calls with a claimed role create one profile and one event", async () => {
  const owner = await external.app.newAccount();
  const claims = { sub: newSubject(), role: "viewer", name: "Ada Lovelace" };
  await (await external.as({ ...claims, role: undefined })).accounts.listAccounts({});
  const person = await external.as(claims, { "latchkey-account": owner.account.metadata?.id ?? "" });
  const ten = () => Promise.all(Array.from({ length: 10 }, () => person.profiles.whoAmI({})));
  const answers = await lockBarrier(external.app.db, "guest", calls, ten);
  const ids = new Set(answers.map(({ profile }) => profile?.metadata?.id));
  expect(ids.size).toBe(1);
  const [id = ""] = ids;
  const { items } = await owner.profiles.listProfiles({ includeInfo: true });
  expect(items.find((item) => item.metadata?.id === id)).toMatchObject({
    spec: { name: "Ada Lovelace", email: "" },
    info: { role: "", roleId: "" },
  });
  const events = await owner.audit.listAuditEvents({ resourceId: id });
  expect(events.items).toHaveLength(1);
});

test("VerifyToken creates no user: an unknown person's token is invalid, and nothing is written", async () => {
  const owner = await external.app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const token = await external.issuer.token({ sub: newSubject(), role: "viewer" });
  const before = await everything();
  for (const caller of [external.app.platformToken, verifier.token]) {
    const asked = { token, accountId: owner.account.metadata?.id ?? "" };
    const answer = await external.app.clientAs(caller).tokens.verifyToken(asked);
    expect(answer).toMatchObject({ valid: false, verdict: Verdict.INVALID, metadata: {} });
    expect(answer.principal).toBeUndefined();
  }
  expect(await everything()).toEqual(before);
});

test("a person is never matched by e-mail", async () => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject(), email: owner.email, email_verified: true });
  expect((await person.accounts.listAccounts({})).items).toEqual([]);
  const account = { "latchkey-account": owner.account.metadata?.id ?? "" };
  const named = await external.as({ sub: newSubject(), email: owner.email, email_verified: true }, account);
  expect(await refusal(named.profiles.whoAmI({}))).toMatchObject({ reason: "ACCOUNT_MISMATCH" });
});

test("the same subject of another issuer is another person", () => {
  expect(identityId("https://a.test", "b\nc")).not.toBe(identityId("https://a.test\nb", "c"));
  expect(identityId("https://a.test", "1")).not.toBe(identityId("https://b.test", "1"));
});

test("a rejected token creates no user", async () => {
  const before = await everything();
  const account = { "latchkey-account": "acct_01jd0000000000000000000000" };
  const wrong = [
    await external.as({ sub: newSubject(), aud: "https://other.test" }),
    await external.asWith({ accounts: ["acct_01jd0000000000000000000001"] }, { sub: newSubject() }, account),
  ];
  for (const person of wrong) await refusal(person.profiles.whoAmI({}));
  expect(await everything()).toEqual(before);
});

test("an invite makes a user without an address a member, but does not give them another user's address", async () => {
  const owner = await external.app.newAccount();
  const person = await external.as({ sub: newSubject() });
  await join(owner, person, "developer");
  expect((await person.profiles.whoAmI({})).principal?.permissions).toEqual(["*:write", "api_keys:write"]);

  const other = await external.app.newAccount();
  const { invite } = await other.invites.createInvite({ email: owner.email, role: "viewer" });
  const thief = await external.as({ sub: newSubject() });
  const theft = thief.invites.acceptInvite({ id: invite?.metadata?.id, token: invite?.spec?.token });
  expect(await refusal(theft)).toMatchObject({ reason: "LOGIN_REQUIRED" });
});
