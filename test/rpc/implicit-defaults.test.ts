import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { issueKey, useApp } from "../support/app.ts";
import { openFastPathServer } from "../support/fast-path/server.ts";
import { detailOf, pathOf, serve } from "../support/net/http.ts";

const app = useApp();
const { verifyToken, batchVerifyTokens } = TokenService.method;

async function post(url: string, body: unknown, token = app.platformToken) {
  const headers = { "content-type": "application/json", authorization: `Bearer ${token}` };
  const response = await fetch(url, { method: "POST", headers, body: JSON.stringify(body) });
  return (await response.json()) as Record<string, unknown>;
}

const invalid = {
  valid: false,
  verdict: "VERDICT_INVALID",
  metadata: {},
  failedRules: [],
  tokenId: "",
  database: "",
};

test.each([
  ["with", true],
  ["without", false],
])("JSON of verification has false, zero and empty fields %s the fast path", async (_, fastPath) => {
  const { url } = await openFastPathServer(app.pools.lookups, fastPath);
  expect(await post(url + pathOf(verifyToken), { token: "garbage" })).toEqual(invalid);
  const requests = [{ token: "garbage" }];
  expect(await post(url + pathOf(batchVerifyTokens), { requests })).toEqual({ responses: [invalid] });
  const { id, token } = await issueKey(await app.newAccount());
  // The second response comes from the response cache.
  for (const _ of [1, 2]) {
    const response = await post(url + pathOf(verifyToken), { token });
    expect(response).toMatchObject({ valid: true, metadata: {}, failedRules: [] });
    expect(response.principal).toMatchObject({
      keyId: id,
      userId: "",
      accountExternalId: "",
      keyLabels: {},
      permissions: [],
      workspaceIds: [],
      entitlements: [],
    });
    expect(response).not.toHaveProperty("endsAt");
  }
});

test("JSON of other responses has false, zero and empty fields, by POST and by GET", async () => {
  const owner = await app.newAccount();
  const server = await serve(app);
  const { json } = await server.post(ApiKeyService.method.listApiKeys, { token: owner.token });
  const [key] = json.items as Record<string, Record<string, unknown>>[];
  expect(json.pagination).toEqual({ nextCursor: "" });
  expect(key?.metadata).toMatchObject({ externalId: "", labels: {} });
  expect(key?.spec).toMatchObject({ system: true, token: "", environment: "ENVIRONMENT_UNSPECIFIED" });
  const message = encodeURIComponent(JSON.stringify({ query: "missing" }));
  const path = `${pathOf(ApiKeyService.method.listApiKeys)}?connect=v1&encoding=json&message=${message}`;
  const got = await server.get(path, { token: owner.token });
  expect(got.json).toEqual({ items: [], pagination: { nextCursor: "" } });
});

test("the debug JSON of an error's details has empty fields", async () => {
  const server = await serve(app);
  const answer = await server.post(ApiKeyService.method.listApiKeys, { token: "garbage" });
  expect(detailOf(answer, "google.rpc.ErrorInfo")).toEqual({
    reason: "INVALID_API_KEY",
    domain: "latchkey",
    metadata: {},
  });
});

test("the debug JSON of an error about an unreadable body has the same fields", async () => {
  const server = await serve(app);
  const sent = { token: app.platformToken, body: "{" };
  const answer = await server.post(ApiKeyService.method.listApiKeys, sent);
  expect(detailOf(answer, "google.rpc.BadRequest")?.fieldViolations).toEqual([
    { field: "", description: "expected JSON" },
  ]);
});

test("a typed client gets the same messages from JSON and from binary", async () => {
  const { url: baseUrl } = await openFastPathServer(app.pools.lookups, true);
  const [json, binary] = [false, true].map((useBinaryFormat) =>
    createClient(TokenService, createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat })),
  );
  const options = { headers: { authorization: `Bearer ${app.platformToken}` } };
  const { token } = await issueKey(await app.newAccount());
  for (const one of [token, "garbage"]) {
    const response = await json?.verifyToken({ token: one }, options);
    expect(response?.verdict).toBeGreaterThan(0);
    expect(response).toEqual(await binary?.verifyToken({ token: one }, options));
  }
});
