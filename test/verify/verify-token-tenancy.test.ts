import { expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { type Clients, issueKey, type Owner, useApp } from "../support/app.ts";

const app = useApp();
const idOf = (owner: Pick<Owner, "account">) => owner.account.metadata?.id ?? "";
const platform = () => app.clientAs(app.platformToken);

async function verifierOf(owner: Owner): Promise<Clients> {
  return app.clientAs((await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token);
}

/** A key that has expired, was revoked and disabled: everything that could be told about it. */
async function deadKey(owner: Owner): Promise<string> {
  const key = await issueKey(owner);
  const past = new Date(Date.now() - 60_000);
  const state = { expires_at: past, revoked_at: past, disabled_at: past };
  await app.db.updateTable("api_key").set(state).where("id", "=", key.id).execute();
  return key.token;
}

test("to a tenant every foreign token looks exactly like garbage", async () => {
  const [owner, stranger, suspended] = [
    await app.newAccount(),
    await app.newAccount(),
    await app.newAccount(),
  ];
  const ended = await app.newAccount();
  await ended.sessions.logOut({});
  const foreign = [
    (await issueKey(stranger)).token,
    (await issueKey(stranger, { spec: { environment: Environment.TEST, permissions: ["*"] } })).token,
    await deadKey(stranger),
    stranger.token,
    ended.token,
    (await issueKey(suspended)).token,
    app.platformToken,
  ];
  const set = { suspended_at: new Date() };
  await app.db.updateTable("account").set(set).where("id", "=", idOf(suspended)).execute();
  for (const caller of [await verifierOf(owner), owner]) {
    for (const dryRun of [false, true]) {
      for (const accountId of ["", idOf(owner)]) {
        const question = {
          accountId,
          dryRun,
          workspaceId: newId("ws"),
          requiredPermissions: ["agents:read"],
        };
        const garbage = await caller.tokens.verifyToken({ ...question, token: "garbage" });
        expect(garbage.verdict).toBe(Verdict.INVALID);
        for (const token of foreign) {
          expect(await caller.tokens.verifyToken({ ...question, token })).toEqual(garbage);
        }
        const { responses } = await caller.tokens.batchVerifyTokens({
          requests: foreign.map((token) => ({ ...question, token })),
        });
        expect(responses).toEqual(foreign.map(() => garbage));
      }
    }
  }
});

test("only a key of the platform account sees beyond its own account", async () => {
  const [owner, stranger] = [await app.newAccount(), await app.newAccount()];
  const key = await issueKey(stranger);
  const platformVerifier = await issueKey(platform(), { spec: { permissions: ["tokens:verify"] } });
  for (const caller of [platform(), app.clientAs(platformVerifier.token)]) {
    const answer = await caller.tokens.verifyToken({ token: key.token });
    expect(answer.principal).toMatchObject({ accountId: idOf(stranger), keyId: key.id });
  }
  const all = app.clientAs((await issueKey(owner, { spec: { permissions: ["*"] } })).token);
  expect((await all.tokens.verifyToken({ token: key.token })).verdict).toBe(Verdict.INVALID);
});

test("an account that is not the tenant's is a mismatch before any look-up", async () => {
  const [owner, stranger] = [await app.newAccount(), await app.newAccount()];
  const caller = await verifierOf(owner);
  const [own, foreign] = [await issueKey(owner), await issueKey(stranger)];
  for (const accountId of [idOf(stranger), newId("acct")]) {
    for (const token of [own.token, foreign.token, "garbage"]) {
      // From now on the caller is known.
      await caller.profiles.whoAmI({});
      const statements = await app.statementsOf(async () => {
        const answer = await caller.tokens.verifyToken({ token, accountId, dryRun: true });
        const failed = { verdict: Verdict.ACCOUNT_MISMATCH, metadata: { account_id: accountId } };
        expect(answer).toMatchObject({ valid: false, ...failed, failedRules: [failed] });
        expect(answer).not.toHaveProperty("principal");
      });
      expect(statements).toEqual([]);
    }
  }
});

test("to the platform an account that the token does not open is a mismatch, existing or not", async () => {
  const [owner, stranger] = [await app.newAccount(), await app.newAccount()];
  const key = await issueKey(owner);
  for (const token of [key.token, owner.token]) {
    for (const accountId of [idOf(stranger), newId("acct")]) {
      expect(await platform().tokens.verifyToken({ token, accountId })).toMatchObject({
        verdict: Verdict.ACCOUNT_MISMATCH,
        metadata: { account_id: accountId },
      });
    }
    expect(await platform().tokens.verifyToken({ token, accountId: idOf(owner) })).toMatchObject({
      valid: true,
    });
  }
});

test("a session is judged in the account that is named, else the tenant's, else its user's only one", async () => {
  const owner = await app.newAccount();
  const token = owner.token;
  const alone = await platform().tokens.verifyToken({ token });
  expect(alone.principal).toMatchObject({
    accountId: idOf(owner),
    kind: PrincipalKind.USER,
    keyId: "",
    permissions: ["*"],
  });
  const { account } = await owner.accounts.createAccount({ metadata: { name: "Second" } });
  const second = account?.metadata?.id ?? "";
  expect(await platform().tokens.verifyToken({ token })).toMatchObject({
    verdict: Verdict.ACCOUNT_REQUIRED,
    metadata: { account_ids: `${idOf(owner)},${second}` },
  });
  for (const accountId of [idOf(owner), second]) {
    const { principal } = await platform().tokens.verifyToken({ token, accountId });
    expect(principal?.accountId).toBe(accountId);
    const inAccount = app.clientAs(token, { "latchkey-account": accountId });
    const key = await issueKey(inAccount, { spec: { permissions: ["tokens:verify"] } });
    const own = await app.clientAs(key.token).tokens.verifyToken({ token });
    expect(own.principal?.accountId).toBe(accountId);
  }
});

test("to the platform a suspended account's tokens are suspended, its sessions too", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const set = { suspended_at: new Date() };
  await app.db.updateTable("account").set(set).where("id", "=", idOf(owner)).execute();
  for (const token of [key.token, owner.token]) {
    expect(await platform().tokens.verifyToken({ token })).toMatchObject({
      verdict: Verdict.ACCOUNT_SUSPENDED,
      metadata: { account_id: idOf(owner) },
    });
  }
});
