import { expect, test } from "vitest";
import { issueKey } from "../../support/app.ts";
import { type RawRequest, sendRaw } from "../../support/http-json/raw.ts";
import { errorOf, inJson, openScene } from "../../support/http-json/scene.ts";
import { useSharedApp } from "../../support/shared-app.ts";

const app = useSharedApp();

// A query or a header of this size is the largest that the port accepts, and a little less.
const bytes = 14_000;
const repeat = (text: string) => text.repeat(bytes / text.length);
// Expressions with quadratic time took 200 to 500 ms.
const maxMs = 60;
const samples = 3;

const verify = "/latchkey.v1.TokenService/VerifyToken";

test.each([
  ["spaces in a bearer", "/v1/whoami", { authorization: `Bearer a${repeat(" ")}b` }],
  ["spaces in an X-Api-Key", "/v1/whoami", { "x-api-key": `a${repeat(" ")}b` }],
  ["spaces in a bearer of Connect", verify, { authorization: `Bearer a${repeat(" ")}b` }],
  ["spaces in a verifier", "/v1/forward_auth", { "latchkey-verifier": `a${repeat(" ")}b` }],
  ["spaces in an account", `/v1/whoami?organizationId=${repeat("+")}x`, {}],
  ["beginnings of JWTs in a query", `/v1/whoami?x=${repeat("eyJ")}`, {}],
  ["beginnings of JWTs in a path", `/v1/account/api_keys/${repeat("eyJ")}`, {}],
  ["parts of JWTs in a query", `/v1/whoami?x=${repeat("eyJaaaaaaa.")}`, {}],
])("a request without a bearer costs little: %s", async (_what, path, headers) => {
  const { url } = await openScene(app);
  const request: RawRequest =
    path === verify
      ? { method: "POST", path, headers: { ...inJson, ...headers }, body: "{}" }
      : { method: "GET", path, headers };
  const { status } = await sendRaw(url, 1, request);
  expect(status).toBeGreaterThanOrEqual(400);
  const before = process.cpuUsage();
  for (let sent = 0; sent < samples; sent++) await sendRaw(url, 1, request);
  const { user, system } = process.cpuUsage(before);
  expect((user + system) / 1000 / samples).toBeLessThan(maxMs);
});

test("a query has at most 128 parameters", async () => {
  const { path, send } = await openScene(app);
  const withParameters = (count: number) => send({ path: `${path}?${"a&".repeat(count - 1)}a` });
  const [most, more] = [await withParameters(128), await withParameters(129)];
  expect([most, more].map(({ status }) => status)).toEqual([400, 400]);
  expect(most.bytes.toString()).toContain("unknown query parameter");
  expect(more.bytes.toString()).toContain("expected at most 128 query parameters");
});

test("the rule of a gateway's route has at most 136 parameters", async () => {
  const { owner, url } = await openScene(app);
  const verifier = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const headers = { "latchkey-verifier": verifier.token };
  const path = `/v1/forward_auth?${repeat("a&")}`;
  const answer = await sendRaw(url, 1, { path, headers });
  expect([answer.status, errorOf(answer).message]).toEqual([403, "expected at most 136 parameters"]);
});
