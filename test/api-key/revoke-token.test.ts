import { expect, onTestFinished, test } from "vitest";
import { ApiKeyState } from "../../gen/latchkey/v1/api_key_pb.ts";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { issueKey, password, startOnPools, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { detailOf, serve } from "../support/net/http.ts";

const app = useApp();
const revoke = (token: string) => app.clientAs("").tokens.revokeToken({ token });
const verdictOf = async (token: string) =>
  (await app.clientAs(app.platformToken).tokens.verifyToken({ token })).verdict;

test("the holder of a key's last live token can revoke the key", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await revoke(key.token);
  expect(await verdictOf(key.token)).toBe(Verdict.REVOKED);
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey).toMatchObject({ state: ApiKeyState.REVOKED, info: { tokens: [] } });
  expect(await refusal(owner.apiKeys.rotateApiKey({ id: key.id }))).toMatchObject({
    code: "FailedPrecondition",
  });
});

test.each(["acme", "ps-"])(
  "an instance with the prefix %s on the same database ends the token too",
  async (prefix) => {
    const owner = await app.newAccount();
    const key = await issueKey(owner);
    const { app: renamed, end } = await startOnPools(app, { LATCHKEY_TOKEN_PREFIX: prefix });
    onTestFinished(end);
    await renamed.clientAs("").tokens.revokeToken({ token: key.token });
    expect(await verdictOf(key.token)).toBe(Verdict.REVOKED);
  },
);

test("only the presented one of two overlapping tokens ends", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 600n } });
  const next = apiKey?.spec?.token ?? "";
  await revoke(next);
  expect(await verdictOf(next)).toBe(Verdict.REVOKED);
  expect(await verdictOf(key.token)).toBe(Verdict.VALID);
  const { apiKey: left } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(left).toMatchObject({ state: ApiKeyState.ACTIVE, info: { tokens: [{}] } });
});

test("a system key without a token is not revoked and can be rotated", async () => {
  const owner = await app.newAccount();
  const { account } = await owner.accounts.getAccount({});
  const id = account?.info?.globalApiKey?.metadata?.id ?? "";
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id });
  await revoke(apiKey?.spec?.token ?? "");
  const { apiKey: left } = await owner.apiKeys.getApiKey({ id });
  expect(left).toMatchObject({ state: ApiKeyState.ACTIVE, info: { tokens: [] } });
  const { apiKey: rotated } = await owner.apiKeys.rotateApiKey({ id });
  expect(await verdictOf(rotated?.spec?.token ?? "")).toBe(Verdict.VALID);
});

test("a session token ends its own session and no other", async () => {
  const owner = await app.newAccount();
  const again = await app.clientAs("").sessions.logIn({ email: owner.email, password });
  await revoke(owner.token);
  expect(await refusal(owner.profiles.whoAmI({}))).toMatchObject({ reason: "REVOKED_SESSION" });
  expect((await app.clientAs(again.token).profiles.whoAmI({})).principal?.accountId).toBeTruthy();
});

test("unknown, wrong, malformed and ended tokens get the response of live ones and change nothing", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const ended = await issueKey(owner);
  const live = await revoke(ended.token);
  const wrong = mintToken("lk", "live", key.id).token;
  const tokens = [ended.token, wrong, "garbage", `${key.token}x`, mintToken("lk", "ses", newId("ses")).token];
  for (const kind of ["inv", "otp"] as const) tokens.push(mintToken("lk", kind, newId("inv")).token);
  const before = await owner.audit.listAuditEvents({});
  for (const token of tokens) expect(await revoke(token)).toEqual(live);
  expect(await verdictOf(key.token)).toBe(Verdict.VALID);
  expect(await owner.audit.listAuditEvents({})).toEqual(before);
});

test("the event of an ended token names the profile of the key and not the token", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await revoke(key.token);
  const { items } = await owner.audit.listAuditEvents({ resourceId: key.id, limit: 1 });
  expect(items).toMatchObject([
    {
      method: "latchkey.v1.TokenService/RevokeToken",
      outcome: AuditOutcome.DONE,
      profileId: key.info?.profileId,
      keyId: key.id,
      before: { token: expect.stringContaining("…") },
      after: { token: null, revoked: true },
    },
  ]);
  expect(JSON.stringify(items[0]?.before)).not.toContain(key.token.slice(-10));
});

test("guesses from one address are limited, and the error says when to retry", async () => {
  const http = await serve(app);
  const send = () => http.post(TokenService.method.revokeToken, { body: { token: "garbage" } });
  let answer = await send();
  let allowed = 0;
  while (answer.status === 200 && allowed < 1_000) {
    allowed += 1;
    answer = await send();
  }
  expect(allowed).toBe(600);
  expect([answer.status, answer.json.code]).toEqual([429, "resource_exhausted"]);
  const seconds = Number(answer.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(0);
  expect(seconds).toBeLessThanOrEqual(60);
  expect(detailOf(answer, "google.rpc.RetryInfo")).toEqual({ retryDelay: expect.stringMatching(/s$/) });
  const info = detailOf(answer, "google.rpc.ErrorInfo");
  expect(info).toMatchObject({ reason: "RATE_LIMITED", metadata: { limit: "600", remaining: "0" } });
  const { reset_at = "" } = (info?.metadata ?? {}) as Record<string, string>;
  const resetAt = Date.parse(reset_at);
  expect(resetAt).toBeGreaterThan(Date.now());
  expect(resetAt).toBeLessThanOrEqual(Date.now() + 60_000);
});
