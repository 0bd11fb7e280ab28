import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, startBeside, useApp } from "../../support/app.ts";
import { creditsLeft, putCredits } from "../../support/database/credit.ts";
import { serve } from "../../support/net/http.ts";

const app = useApp();
const month = { seconds: 2_678_400n };

const transports: Record<string, (baseUrl: string) => Transport> = {
  "Connect in JSON": (baseUrl) =>
    createConnectTransport({ baseUrl, httpVersion: "1.1", useBinaryFormat: false }),
  "Connect in binary": (baseUrl) => createConnectTransport({ baseUrl, httpVersion: "1.1" }),
  gRPC: (baseUrl) => createGrpcTransport({ baseUrl }),
};

async function limitedKey(limit: number) {
  return issueKey(await app.newAccount("Ünïcode"), {
    metadata: { name: "a “key”" },
    spec: { rateLimits: [{ name: "burst", limit, period: month }], permissions: ["agents:read"] },
  });
}

describe.each(Object.keys(transports))("over %s", (name) => {
  test.each(["memory", "a shared store"])(
    "equal requests get their own states of a limit in %s",
    async (place) => {
      const beside = place === "memory" ? undefined : await startBeside(app);
      const { url } = await serve(app);
      const headers = { authorization: `Bearer ${app.platformToken}` };
      const tokens = createClient(TokenService, transports[name]?.(url) as Transport);
      const { token, id } = await limitedKey(20);
      const call = () => tokens.verifyToken({ token, requiredPermissions: ["agents:read"] }, { headers });
      const seen = [];
      for (let n = 0; n < 10; n++) seen.push(await call());
      seen.push(...(await Promise.all(Array.from({ length: 15 }, call))));
      const accepted = seen.filter(({ valid }) => valid);
      const left = accepted.map(({ rateLimit }) => rateLimit?.remaining ?? -1).sort((a, b) => b - a);
      expect(left).toEqual(Array.from({ length: 20 }, (_, n) => 19 - n));
      for (const { principal, endsAt, rateLimit } of accepted) {
        expect([principal?.keyId, principal?.keyName, endsAt]).toEqual([id, "a “key”", undefined]);
        expect(rateLimit).toMatchObject({
          name: "burst",
          limit: 20,
          resetAt: { seconds: expect.any(BigInt) },
        });
      }
      for (const response of seen.filter(({ valid }) => !valid)) {
        expect(response).toMatchObject({ verdict: Verdict.RATE_LIMITED, rateLimit: { remaining: 0 } });
        expect(response.principal).toBeUndefined();
      }
      await beside?.end();
    },
  );
});

test("a key with limits in memory gets a kept response, with the new state as its last field", async () => {
  const { post } = await serve(app);
  const { token } = await limitedKey(1_000);
  const text = async () =>
    (await post(TokenService.method.verifyToken, { body: { token }, token: app.platformToken })).text;
  const first = await text();
  expect(JSON.parse(first)).toMatchObject({ valid: true, rateLimit: { remaining: 999 } });
  // Each attempt takes from the limit.
  const last = /"rateLimit":\{[^{}]*"remaining":\d+,[^{}]*\}\}$/;
  await expect.poll(text).toMatch(last);
  const { rateLimit, ...rest } = JSON.parse(await text());
  const { rateLimit: firstLimit, ...firstRest } = JSON.parse(first);
  expect(rest).toEqual(firstRest);
  expect(Object.keys(rateLimit)).toEqual(Object.keys(firstLimit));
});

test("a kept response takes the cost of its request", async () => {
  const { post } = await serve(app);
  const { token } = await limitedKey(100);
  const left = [];
  for (const cost of [10, 10, 5, 10, 0]) {
    const { json } = await post(TokenService.method.verifyToken, {
      body: { token, cost },
      token: app.platformToken,
    });
    left.push((json.rateLimit as { remaining: number }).remaining);
  }
  expect(left).toEqual([90, 80, 75, 65, 65]);
});

test("a key that was revoked gets no kept response, whatever is left of its limit", async () => {
  const { post } = await serve(app);
  const owner = await app.newAccount();
  const { token, id } = await issueKey(owner, {
    spec: { rateLimits: [{ name: "burst", limit: 100, period: month }] },
  });
  const verdict = async () =>
    (await post(TokenService.method.verifyToken, { body: { token }, token: app.platformToken })).json.verdict;
  for (let n = 0; n < 3; n++) expect(await verdict()).toBe("VERDICT_VALID");
  await owner.apiKeys.revokeApiKey({ id });
  expect(await verdict()).toBe("VERDICT_REVOKED");
});

test("a key with credits gets no kept response, also if the account got them after a response was kept", async () => {
  const { post } = await serve(app);
  const owner = await app.newAccount();
  const { token } = await issueKey(owner);
  const accountId = owner.account.metadata?.id ?? "";
  const verdict = async () =>
    (await post(TokenService.method.verifyToken, { body: { token }, token: app.platformToken })).json.verdict;
  for (let n = 0; n < 3; n++) expect(await verdict()).toBe("VERDICT_VALID");
  await putCredits(app.db, { id: accountId, accountId, remaining: 3 });
  for (let n = 0; n < 3; n++) expect(await verdict()).toBe("VERDICT_VALID");
  expect(await verdict()).toBe("VERDICT_QUOTA_EXCEEDED");
  expect(await creditsLeft(app.db, accountId)).toBe(0);
});
