import { once } from "node:events";
import { expect, onTestFinished, test } from "vitest";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, startApp } from "../support/app.ts";
import { type FormRequest, sendForm, sendFormOverHttp2 } from "../support/net/form.ts";
import { serve } from "../support/net/http.ts";
import { connectRaw } from "../support/net/net.ts";
import { useExternal } from "../support/oidc/external.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const external = useExternal();

async function revoker(one = app) {
  const { url } = await serve(one);
  return (token: string, as: Omit<FormRequest, "form"> = {}, more: Record<string, string> = {}) =>
    sendForm(`${url}/v1/oauth/revoke`, { form: { token, ...more }, ...as });
}

const verdictOf = async (token: string) =>
  (await app.clientAs(app.platformToken).tokens.verifyToken({ token })).verdict;

test("possession of a token is enough to end it, and unknown tokens get the same answer", async () => {
  const revoke = await revoker();
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const first = await revoke(key.token, {}, { token_type_hint: "refresh_token" });
  expect(first).toMatchObject({ status: 200, text: "", headers: { "cache-control": "no-store" } });
  expect(await verdictOf(key.token)).toBe(Verdict.REVOKED);
  const { "x-request-id": _, date: __, ...headers } = first.headers;
  for (const token of [key.token, "garbage", `${key.token}x`]) {
    const again = await revoke(token);
    expect(again).toMatchObject({ status: 200, text: "", headers });
  }
  const { items } = await owner.audit.listAuditEvents({});
  const events = items.filter(({ method }) => method === "revoke");
  expect(events).toMatchObject([{ outcome: AuditOutcome.DONE, resourceId: key.id, keyId: key.id }]);
});

test("a session ends as a key does, over HTTP/2", async () => {
  const { url } = await serve(app);
  const owner = await app.newAccount();
  const answer = await sendFormOverHttp2(`${url}/v1/oauth/revoke`, { form: { token: owner.token } });
  expect(answer).toMatchObject({ status: 200, text: "", headers: { "cache-control": "no-store" } });
  expect(await verdictOf(owner.token)).toBe(Verdict.REVOKED);
});

test("client authentication is optional, and must be right if it is sent", async () => {
  const revoke = await revoker();
  const owner = await app.newAccount();
  const [client, ended, key] = [await issueKey(owner), await issueKey(owner), await issueKey(owner)];
  await owner.apiKeys.revokeApiKey({ id: ended.id });
  const wrong: Omit<FormRequest, "form">[] = [
    { token: ended.token },
    { token: "garbage" },
    { basic: [ended.id, ended.token] },
    { basic: [client.id, "garbage"] },
    { basic: [client.id, ""] },
    { headers: { authorization: "Basic !" } },
    { headers: { authorization: "Basic ==" } },
    { headers: { authorization: `Digest ${client.token}` } },
    { headers: { "x-api-key": ended.token } },
  ];
  for (const as of wrong) {
    const answer = await revoke(key.token, as);
    expect(answer.status, JSON.stringify(as)).toBe(401);
    expect(JSON.parse(answer.text)).toMatchObject({ error: "invalid_client" });
    expect(answer.headers["www-authenticate"]).toContain('Basic realm="latchkey"');
  }
  const inBody = await revoke(key.token, {}, { client_id: client.id, client_secret: client.token });
  expect(inBody.status).toBe(401);
  expect(await verdictOf(key.token)).toBe(Verdict.VALID);
  expect((await revoke(key.token, { basic: [client.id, client.token] })).status).toBe(200);
  expect(await verdictOf(key.token)).toBe(Verdict.REVOKED);
});

test("a client that was revoked before its form arrived ends no token", async () => {
  const owner = await app.newAccount();
  const [client, key] = [await issueKey(owner), await issueKey(owner)];
  const { port, url } = await serve(app);
  // Now the cache holds the client, so the server authenticates it as soon as the headers arrive.
  const basic: Omit<FormRequest, "form"> = { basic: [client.id, client.token] };
  expect((await sendForm(`${url}/v1/oauth/revoke`, { form: { token: "unknown" }, ...basic })).status).toBe(
    200,
  );
  const form = `token=${key.token}`;
  const raw = await connectRaw(
    port,
    [
      "POST /v1/oauth/revoke HTTP/1.1",
      "Host: a",
      "Connection: close",
      "Content-Type: application/x-www-form-urlencoded",
      `Content-Length: ${form.length}`,
      "Expect: 100-continue",
      `Authorization: Basic ${Buffer.from(`client:${client.token}`).toString("base64")}`,
      "",
      "",
    ].join("\r\n"),
  );
  await once(raw.socket, "data");
  await owner.apiKeys.revokeApiKey({ id: client.id });
  raw.write(form);
  expect(await raw.closed).toMatch(/^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 401 /);
  expect(await verdictOf(key.token)).toBe(Verdict.VALID);
});

test("a client of a suspended account can still end a token", async () => {
  const revoke = await revoker();
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const accountId = owner.account.metadata?.id ?? "";
  await app.clientAs(app.platformToken).accounts.suspendAccount({ accountId });
  expect((await revoke(key.token, { basic: [key.id, key.token] })).status).toBe(200);
  expect(await verdictOf(key.token)).toBe(Verdict.REVOKED);
});

test("a token of an external issuer cannot be ended here", async () => {
  const revoke = await revoker(external.app);
  const answer = await revoke(await external.issuer.token());
  expect(answer.status).toBe(400);
  expect(JSON.parse(answer.text)).toMatchObject({ error: "unsupported_token_type" });
});

test("two bearers that differ are refused", async () => {
  const revoke = await revoker();
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  for (const authorization of [`Bearer ${owner.token}`, `Basic ${btoa(`x:${owner.token}`)}`]) {
    const answer = await revoke(key.token, { headers: { authorization, "x-api-key": key.token } });
    expect(answer.status).toBe(400);
  }
  expect(await verdictOf(key.token)).toBe(Verdict.VALID);
});

test("the limit of RevokeToken counts both surfaces together", async () => {
  const { app: one, end } = await startApp();
  onTestFinished(end);
  const { url, post } = await serve(one);
  const revoke = () => sendForm(`${url}/v1/oauth/revoke`, { form: { token: "garbage" } });
  for (let n = 0; n < 600; n += 20) {
    const answers = await Promise.all(Array.from({ length: 20 }, revoke));
    expect(answers.every(({ status }) => status === 200)).toBe(true);
  }
  const limited = await revoke();
  expect(limited.status).toBe(429);
  expect(JSON.parse(limited.text)).toMatchObject({ error: "temporarily_unavailable" });
  expect(Number(limited.headers["retry-after"])).toBeGreaterThan(0);
  const body = { token: "garbage" };
  expect((await post(TokenService.method.revokeToken, { body })).status).toBe(429);
});
