import { expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const idOf = (owner: Pick<Owner, "account">) => owner.account.metadata?.id ?? "";
const platform = () => app.clientAs(app.platformToken);

async function verifierOf(owner: Owner): Promise<Clients> {
  return app.clientAs((await issueKey(owner, { spec: { permissions: ["tokens:verify"] } })).token);
}

/** Makes a key that is expired, revoked and disabled, so that a response could reveal each state. Returns its token. */
async function deadKey(owner: Owner): Promise<string> {
  const key = await issueKey(owner);
  const past = new Date(Date.now() - 60_000);
  const state = { expires_at: past, revoked_at: past, disabled_at: past };
  await app.db.updateTable("api_key").set(state).where("id", "=", key.id).execute();
  return key.token;
}

test("the response to a tenant is the same for a foreign token and for garbage", async () => {
  const [owner, other, suspended] = [await app.newAccount(), await app.newAccount(), await app.newAccount()];
  const ended = await app.newAccount();
  await ended.sessions.logOut({});
  const foreign = [
    (await issueKey(other)).token,
    (await issueKey(other, { spec: { environment: Environment.TEST, permissions: ["*"] } })).token,
    await deadKey(other),
    other.token,
    ended.token,
    (await issueKey(suspended)).token,
    app.platformToken,
  ];
  const set = { suspended_at: new Date() };
  await app.db.updateTable("account").set(set).where("id", "=", idOf(suspended)).execute();
  for (const caller of [await verifierOf(owner), owner]) {
    for (const dryRun of [false, true]) {
      for (const accountId of ["", idOf(owner)]) {
        const request = {
          accountId,
          dryRun,
          workspaceId: newId("ws"),
          requiredPermissions: ["agents:read"],
        };
        const garbage = await caller.tokens.verifyToken({ ...request, token: "garbage" });
        expect(garbage.verdict).toBe(Verdict.INVALID);
        for (const token of foreign) {
          expect(await caller.tokens.verifyToken({ ...request, token })).toEqual(garbage);
        }
        const { responses } = await caller.tokens.batchVerifyTokens({
          requests: foreign.map((token) => ({ ...request, token })),
        });
        expect(responses).toEqual(foreign.map(() => garbage));
      }
    }
  }
});

test("only a key of the platform account verifies tokens of other accounts", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const key = await issueKey(other);
  const platformVerifier = await issueKey(platform(), { spec: { permissions: ["tokens:verify"] } });
  for (const caller of [platform(), app.clientAs(platformVerifier.token)]) {
    const response = await caller.tokens.verifyToken({ token: key.token });
    expect(response.principal).toMatchObject({ accountId: idOf(other), keyId: key.id });
  }
  const all = app.clientAs((await issueKey(owner, { spec: { permissions: ["*"] } })).token);
  expect((await all.tokens.verifyToken({ token: key.token })).verdict).toBe(Verdict.INVALID);
});

test("a tenant that names another account gets a mismatch before any look-up", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const caller = await verifierOf(owner);
  const [own, foreign] = [await issueKey(owner), await issueKey(other)];
  for (const accountId of [idOf(other), newId("acct")]) {
    for (const token of [own.token, foreign.token, "garbage"]) {
      const statements = async () => {
        // This call puts the caller into the cache.
        await caller.profiles.whoAmI({});
        return app.statementsOf(async () => {
          const response = await caller.tokens.verifyToken({ token, accountId, dryRun: true });
          const failed = { verdict: Verdict.ACCOUNT_MISMATCH, metadata: { account_id: accountId } };
          expect(response).toMatchObject({ valid: false, ...failed, failedRules: [failed] });
          expect(response).not.toHaveProperty("principal");
        });
      };
      // An instance without a lease asks the database until the next heartbeat.
      await expect.poll(statements).toEqual([]);
    }
  }
});

test("the platform gets a mismatch for an account that the token does not belong to, whether or not it exists", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const key = await issueKey(owner);
  for (const token of [key.token, owner.token]) {
    for (const accountId of [idOf(other), newId("acct")]) {
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

test("a session is evaluated in the named account, else in the tenant's account, else in its user's only account", async () => {
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

test("the platform gets ACCOUNT_SUSPENDED for the keys and the sessions of a suspended account", async () => {
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
