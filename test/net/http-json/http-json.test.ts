import { gunzipSync } from "node:zlib";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { issueKey } from "../../support/app.ts";
import { errorOf, inJson, openScene, versions } from "../../support/http-json/scene.ts";
import { useSharedApp } from "../../support/shared-app.ts";

const app = useSharedApp({ LATCHKEY_CORS_ORIGINS: "https://console.example" });
const scene = (version?: 1 | 2) => openScene(app, version);

test.each(versions)(
  "HTTP/%s: GET returns the resource, and HEAD the same headers without a body",
  async (version) => {
    const { key, path, send } = await scene(version);
    const got = await send({ path });
    expect([got.status, got.json]).toMatchObject([200, { metadata: { id: key.id }, spec: { token: "" } }]);
    expect(got.headers).toMatchObject({ "content-type": "application/json", "cache-control": "no-store" });
    const head = await send({ method: "HEAD", path });
    expect([head.status, head.bytes.length]).toEqual([200, 0]);
    expect(head.headers["content-length"]).toBe(String(got.bytes.length));
    const missing = await send({ method: "HEAD", path: "/v1/account/api_keys/key_none" });
    expect([missing.status, missing.bytes.length]).toEqual([404, 0]);
  },
);

test.each(versions)(
  "HTTP/%s: lists have items, a cursor and defaults, and are compressed on request",
  async (version) => {
    const { owner, send } = await scene(version);
    for (let count = 0; count < 4; count += 1)
      await issueKey(owner, { metadata: { name: "a key", labels: { env: "a".repeat(60) } } });
    const plain = await send({ path: "/v1/account/api_keys?limit=3&sort_order=asc" });
    const body = plain.json as { items: unknown[]; pagination: { nextCursor: string } };
    expect([plain.status, body.items.length, plain.headers["content-encoding"]]).toEqual([200, 3, undefined]);
    const next = await send({
      path: `/v1/account/api_keys?limit=200&sortOrder=asc&cursor=${body.pagination.nextCursor}`,
    });
    expect(next.json).toMatchObject({ items: expect.any(Array), pagination: { nextCursor: "" } });
    const compressed = await send({
      path: "/v1/account/api_keys?limit=3&sort_order=asc",
      headers: { "accept-encoding": "br, gzip" },
    });
    expect(compressed.headers).toMatchObject({
      "content-encoding": "gzip",
      "content-length": String(compressed.bytes.length),
    });
    expect(gunzipSync(compressed.bytes)).toEqual(plain.bytes);
    const refused = await send({
      path: "/v1/account/api_keys?limit=3",
      headers: { "accept-encoding": "gzip;q=0" },
    });
    expect(refused.headers["content-encoding"]).toBeUndefined();
  },
);

test.each(versions)(
  "HTTP/%s: unknown paths get 404 in the format that the client accepts",
  async (version) => {
    const { send } = await scene(version);
    for (const path of [
      "/",
      "/v1",
      "/v1/nothing",
      "/v1/account/",
      "/v1/account/api_keys/",
      "/v1//account",
      "/v1/%61ccount",
    ]) {
      const answer = await send({ path });
      expect([path, answer.status, errorOf(answer).code]).toEqual([path, 404, "NOT_FOUND"]);
      expect(answer.headers["x-request-id"]).toBeTruthy();
    }
    const accept = { accept: "application/problem+json" };
    const answer = await send({ path: "/v1/nothing", headers: accept });
    expect([answer.headers["content-type"], answer.json]).toMatchObject([
      "application/problem+json",
      { status: 404, code: "NOT_FOUND", type: "urn:latchkey:error:NOT_FOUND" },
    ]);
    const refused = await send({
      path: "/v1/account/api_keys/a%20b",
      headers: { ...accept, "x-request-id": "mine" },
    });
    expect(refused.json).toMatchObject({
      status: 400,
      details: { fields: [{ field: "id" }] },
      requestId: "mine",
    });
  },
);

test.each(versions)("HTTP/%s: X-HTTP-Method-Override is ignored", async (version) => {
  const { owner, key, path, send } = await scene(version);
  const headers = {
    "x-http-method-override": "DELETE",
    "x-method-override": "DELETE",
    "x-http-method": "DELETE",
  };
  expect((await send({ path, headers })).status).toBe(200);
  expect((await send({ method: "POST", path, headers: { ...headers, ...inJson }, body: "{}" })).status).toBe(
    405,
  );
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.info?.revokedAt).toBeUndefined();
});

test("the scheme Token and the header X-Api-Key are aliases of the bearer, and two that differ are refused", async () => {
  const { owner, key, path, send, post } = await scene();
  const { token } = owner;
  const aliases: { authorization: string; [name: string]: string }[] = [
    { authorization: `Token ${token}` },
    { authorization: "", "x-api-key": token },
    { authorization: `Bearer ${token}`, "x-api-key": token },
  ];
  for (const headers of aliases) {
    const answer = await send({ path, headers });
    expect(answer.status, JSON.stringify(Object.keys(headers))).toBe(200);
    const connect = await post(ApiKeyService.method.getApiKey, { body: { id: key.id }, headers });
    expect(connect.status).toBe(headers.authorization.startsWith("Bearer") ? 200 : 401);
  }
  const both = await send({ path, headers: { "x-api-key": key.token } });
  expect([both.status, errorOf(both).code]).toEqual([400, "INVALID_ARGUMENT"]);
  expect(both.bytes.toString()).not.toContain(key.token);
  const none = await send({ path, headers: { authorization: "" } });
  expect([none.status, none.headers["www-authenticate"]]).toEqual([401, expect.stringMatching(/^Bearer /)]);
});

test("forged forwarding headers change nothing that the server records", async () => {
  const { path, send } = await scene();
  const headers = {
    "x-forwarded-for": "203.0.113.9",
    "x-forwarded-host": "evil.example",
    "x-forwarded-proto": "https",
    "x-forwarded-method": "DELETE",
    "x-original-url": "/v1/account",
    "x-latchkey-account": "acct_none",
    "x-request-id": "forged-1",
  };
  expect((await send({ method: "POST", path: `${path}:disable`, headers })).status).toBe(200);
  const event = await app.db
    .selectFrom("audit_event")
    .selectAll()
    .where("request_id", "=", "forged-1")
    .executeTakeFirst();
  expect(event).toMatchObject({
    client_address: "127.0.0.1",
    method: "latchkey.v1.ApiKeyService/DisableApiKey",
  });
});

test("a web page of an allowed origin gets its CORS headers on every answer", async () => {
  const { path, send } = await scene();
  const origin = "https://console.example";
  for (const request of [{ path }, { path: "/v1/nothing" }, { path, method: "PUT" }]) {
    const { headers } = await send({ ...request, headers: { origin } });
    expect(headers).toMatchObject({ "access-control-allow-origin": origin, vary: "Origin" });
  }
});

test.each(versions)("HTTP/%s: a request that expects 100-continue gets it", async (version) => {
  const { key, send } = await scene(version);
  const answer = await send({
    method: "POST",
    path: "/v1/tokens:verify",
    headers: { ...inJson, expect: "100-continue" },
    body: JSON.stringify({ token: key.token }),
  });
  expect(answer.json).toMatchObject({ valid: true });
});
