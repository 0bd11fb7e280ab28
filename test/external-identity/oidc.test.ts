import { afterAll, beforeAll, expect, test } from "vitest";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, startApp, type TestApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { issuersEnv, join, newSubject } from "../support/oidc/external.ts";
import { startProvider, type TestProvider } from "../support/oidc/provider.ts";

// This test uses a certified provider: https://openid.net/certification/, `oidc-provider`.
let provider: TestProvider;
let app: TestApp;
let end: () => Promise<void>;
beforeAll(async () => {
  provider = await startProvider();
  ({ app, end } = await startApp(
    issuersEnv({
      issuer: provider.url,
      account_claim: "account",
      role_claim: "role",
      max_role: "developer",
    }),
  ));
});
afterAll(async () => {
  await end();
  await provider.close();
});

test("a member lists keys with an access token of the provider", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const person = app.clientAs((await provider.signIn(newSubject())).accessToken);
  const profileId = await join(owner, person, "admin");
  const { items } = await person.apiKeys.listApiKeys({});
  expect(items.map((item) => item.metadata?.id)).toContain(key.id);
  const { principal } = await person.profiles.whoAmI({});
  expect(principal).toMatchObject({ kind: PrincipalKind.USER, permissions: ["*"], keyId: "" });
  expect(principal?.profile?.metadata?.id).toBe(profileId);
});

test("a role that the provider claims opens the account that it claims", async () => {
  const owner = await app.newAccount();
  const claims = { account: owner.account.metadata?.id, role: "developer" };
  const { accessToken } = await provider.signIn(newSubject(), claims);
  const { principal } = await app.clientAs(accessToken).profiles.whoAmI({});
  expect(principal).toMatchObject({ accountId: claims.account, permissions: ["*:write", "api_keys:write"] });
});

test("an ID token of the provider is not an access token", async () => {
  const { accessToken, idToken } = await provider.signIn(newSubject());
  await app.clientAs(accessToken).accounts.listAccounts({});
  expect(await refusal(app.clientAs(idToken).accounts.listAccounts({}))).toMatchObject({
    code: "Unauthenticated",
    reason: "INVALID_API_KEY",
  });
});

test("after the provider rotates its keys, new tokens are accepted", async () => {
  const subject = newSubject();
  await app.clientAs((await provider.signIn(subject)).accessToken).accounts.listAccounts({});
  await provider.rollOver();
  const { accessToken } = await provider.signIn(subject);
  await app.clientAs(accessToken).accounts.listAccounts({});
});

test("a single token cannot be ended by this service, and ends at its own expiry", async () => {
  const owner = await app.newAccount();
  const { accessToken } = await provider.signIn(newSubject());
  const person = app.clientAs(accessToken);
  await join(owner, person, "viewer");
  const { endsAt } = await app.clientAs(app.platformToken).tokens.verifyToken({ token: accessToken });
  const { exp } = JSON.parse(Buffer.from(accessToken.split(".")[1] ?? "", "base64url").toString());
  expect(endsAt?.seconds).toBe(BigInt(exp));
  const ends = { ends_at: new Date(exp * 1000).toISOString() };
  const calls = [() => person.sessions.logOut({}), () => person.tokens.revokeToken({ token: accessToken })];
  for (const call of calls) {
    expect(await refusal(call())).toMatchObject({
      code: "FailedPrecondition",
      reason: "WRONG_STATE",
      metadata: ends,
    });
  }
  await person.profiles.whoAmI({});
});

test("VerifyToken evaluates a known person's token like a session, in the caller's own account", async () => {
  const owner = await app.newAccount();
  const other = await app.newAccount();
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const stranger = await issueKey(other, { spec: { permissions: ["tokens:verify"] } });
  const { accessToken: token } = await provider.signIn(newSubject());
  await join(owner, app.clientAs(token), "viewer");
  const question = { token, requiredPermissions: ["agents:read"] };
  expect(await app.clientAs(verifier.token).tokens.verifyToken(question)).toMatchObject({ valid: true });
  const asked = { token, requiredPermissions: ["agents:write"] };
  expect(await app.clientAs(verifier.token).tokens.verifyToken(asked)).toMatchObject({
    verdict: Verdict.PERMISSION_DENIED,
  });
  const foreign = await app.clientAs(stranger.token).tokens.verifyToken(question);
  expect(foreign).toMatchObject({ verdict: Verdict.INVALID, metadata: {} });
});
