import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { issueKey } from "../support/app.ts";
import { setLimits } from "../support/limits/set.ts";
import { sendForm } from "../support/net/form.ts";
import { type Answer, serve } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const month = { seconds: 2_678_400n };

async function open(limit: number, permissions = ["api_keys:read", "tokens:verify"]) {
  const owner = await app.newAccount();
  const rateLimits = [{ name: "calls", limit, period: month }];
  const key = await issueKey(owner, { metadata: { name: "limited" }, spec: { permissions, rateLimits } });
  return { owner, key, ...(await serve(app)) };
}

const fields = ({ headers }: Answer) => [headers.get("ratelimit-policy"), headers.get("ratelimit")];
const stateOf = (remaining: number) => expect.stringMatching(new RegExp(`^"calls";r=${remaining};t=\\d+$`));

test("a call by a key takes from its limits, and the response has the draft fields", async () => {
  const { get, key } = await open(3);
  const answers = [];
  for (const path of [
    "/v1/whoami",
    "/v1/account/api_keys",
    "/v1/account/api_keys/key_missing",
    "/v1/whoami",
  ]) {
    answers.push(await get(path, { token: key.token }));
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 404, 429]);
  expect(answers.map(fields)).toEqual(
    [2, 1, 0, 0].map((remaining) => ['"calls";q=3;w=2678400', stateOf(remaining)]),
  );
});

test("a call that a limit refuses says how long to wait, everywhere the same", async () => {
  const { get, post, key } = await open(1);
  expect((await get("/v1/whoami", { token: key.token })).status).toBe(200);
  const refused = await get("/v1/whoami", { token: key.token });
  const { code, details } = refused.json.error as { code: string; details: Record<string, string> };
  expect([refused.status, code, details.name, details.limit, details.remaining]).toEqual([
    429,
    "RATE_LIMITED",
    "calls",
    "1",
    "0",
  ]);
  const seconds = Number(refused.headers.get("retry-after"));
  expect(seconds).toBeGreaterThan(2_678_300);
  const reset = Number(/t=(\d+)$/.exec(refused.headers.get("ratelimit") ?? "")?.[1]);
  expect(seconds).toBeGreaterThanOrEqual(reset);
  const connect = await post(ProfileService.method.whoAmI, { token: key.token });
  expect([connect.status, connect.json.code, connect.headers.has("retry-after")]).toEqual([
    429,
    "resource_exhausted",
    true,
  ]);
  const clients = app.clientAs(key.token);
  const error = await clients.apiKeys.listApiKeys({}).catch((one: unknown) => ConnectError.from(one));
  if (!(error instanceof ConnectError)) throw new Error("the limit refuses the call");
  expect(error.code).toBe(Code.ResourceExhausted);
  expect(Number(error.findDetails(RetryInfoSchema)[0]?.retryDelay?.seconds)).toBeGreaterThan(2_678_300);
});

test("the calls of a verifier take from its limits, when they are answered from the cache too", async () => {
  const { post, owner, key } = await open(4);
  const { token } = await issueKey(owner, { metadata: { name: "a client" } });
  const answers = [];
  for (let n = 0; n < 6; n++) {
    answers.push(await post(TokenService.method.verifyToken, { token: key.token, body: { token } }));
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 429, 429]);
  expect(answers.map(fields)).toEqual(
    [3, 2, 1, 0, 0, 0].map((remaining) => ['"calls";q=4;w=2678400', stateOf(remaining)]),
  );
  expect(
    (await post(TokenService.method.verifyToken, { token: app.platformToken, body: { token } })).status,
  ).toBe(200);
});

test("over gRPC, the fields are metadata", async () => {
  const { url, key } = await open(1);
  const keys = createClient(ApiKeyService, createGrpcTransport({ baseUrl: url }));
  const headers = { authorization: `Bearer ${key.token}` };
  const seen: (string | null)[] = [];
  await keys.getApiKey({ id: key.id }, { headers, onHeader: (all) => void seen.push(all.get("ratelimit")) });
  expect(seen).toEqual([stateOf(0)]);
  const error = await keys
    .getApiKey({ id: key.id }, { headers })
    .catch((one: unknown) => ConnectError.from(one));
  expect(error).toMatchObject({ code: Code.ResourceExhausted });
});

test("a limit of the account limits its keys and not its people", async () => {
  const { get, owner, key } = await open(100);
  await setLimits(app.db, owner.account.metadata?.id ?? "", { name: "calls", limit: 1 });
  const first = await get("/v1/whoami", { token: key.token });
  expect(first.headers.get("ratelimit-policy")).toBe(
    '"account:calls";q=1;w=2678400, "calls";q=100;w=2678400',
  );
  expect((await get("/v1/whoami", { token: key.token })).status).toBe(429);
  for (let n = 0; n < 3; n++) await owner.profiles.whoAmI({});
});

test("introspection takes from the limits of the caller, and nothing from those of the token", async () => {
  const { url, owner, key } = await open(2);
  const rateLimits = [{ name: "calls", limit: 1, period: month }];
  const client = await issueKey(owner, { metadata: { name: "a client" }, spec: { rateLimits } });
  const introspect = (token: string) =>
    sendForm(`${url}/v1/oauth/introspect`, { form: { token: client.token }, token });
  for (let n = 0; n < 3; n++) {
    expect(JSON.parse((await introspect(app.platformToken)).text)).toMatchObject({ active: true });
  }
  const own = [await introspect(key.token), await introspect(key.token), await introspect(key.token)];
  expect(own.map(({ status }) => status)).toEqual([200, 200, 429]);
  const tokens = app.clientAs(app.platformToken).tokens;
  expect((await tokens.verifyToken({ token: client.token })).valid).toBe(true);
  expect((await tokens.verifyToken({ token: client.token })).valid).toBe(false);
  expect(JSON.parse((await introspect(app.platformToken)).text)).toMatchObject({ active: true });
});
