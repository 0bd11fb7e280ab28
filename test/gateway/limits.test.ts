import { expect, test } from "vitest";
import { issueKey } from "../support/app.ts";
import { connectAsEnvoy } from "../support/gateway/envoy.ts";
import { openGateway, path, reasonOf, sent } from "../support/gateway/forward-auth.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const month = { seconds: 2_678_400n };
const limits = (limit: number) => [{ name: "calls", limit, period: month }];

async function open(clientLimit: number, verifierLimit: number) {
  const gateway = await openGateway(app);
  const { owner } = gateway;
  const client = await issueKey(owner, {
    metadata: { name: "a client" },
    spec: { rateLimits: limits(clientLimit) },
  });
  const verifier = await issueKey(owner, {
    metadata: { name: "a verifier" },
    spec: { permissions: ["tokens:verify"], rateLimits: limits(verifierLimit) },
  });
  return { ...gateway, client, verifier };
}

test("forward_auth takes from the limits of the client, and answers 429 when one is spent", async () => {
  const { get, client, verifier } = await open(3, 100);
  const answers = [];
  for (let n = 0; n < 5; n++) answers.push(await get(path, sent(verifier, client.token)));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 429, 429]);
  const [refused] = answers.slice(3);
  if (!refused) throw new Error("five answers were sent");
  expect(reasonOf(refused)).toBe("RATE_LIMITED");
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  expect((await get(`${path}?deny_429_as=403`, sent(verifier, client.token))).status).toBe(403);
});

test("forward_auth takes from the limits of its verifier", async () => {
  const { get, client, verifier } = await open(100, 3);
  const answers = [];
  for (let n = 0; n < 4; n++) answers.push((await get(path, sent(verifier, client.token))).status);
  expect(answers).toEqual([200, 200, 200, 429]);
});

test("Envoy takes from the limits of the client, from the cache too, and denies with 429 when one is spent", async () => {
  const { port, client, verifier } = await open(3, 100);
  const check = connectAsEnvoy(port, verifier.token);
  const answers = [];
  for (let n = 0; n < 5; n++) {
    answers.push(
      await check({ headers: { authorization: `Bearer ${client.token}` }, contextExtensions: {} }),
    );
  }
  expect(answers.map(({ status, deniedResponse }) => [status.code, deniedResponse?.status?.code])).toEqual([
    ...Array.from({ length: 3 }, () => [0, undefined]),
    ...Array.from({ length: 2 }, () => [8, "TooManyRequests"]),
  ]);
  const names = answers[3]?.deniedResponse?.headers?.map(({ header }) => header.key);
  expect(names).toContain("retry-after");
});

test("gateways take one credit of the client for each answer, and deny with 429 when none is left", async () => {
  const { get, port, owner, client, verifier } = await open(100, 100);
  const { accounts } = app.clientAs(app.platformToken);
  const target = { accountId: owner.account.metadata?.id, keyId: client.id };
  await accounts.setCredits({ ...target, credits: { remaining: 4 } });
  const check = connectAsEnvoy(port, verifier.token);
  const request = { headers: { authorization: `Bearer ${client.token}` }, contextExtensions: {} };
  const [answers, codes] = [[], []] as [Awaited<ReturnType<typeof get>>[], (number | undefined)[]];
  for (let n = 0; n < 3; n++) {
    answers.push(await get(path, sent(verifier, client.token)));
    codes.push((await check(request)).status?.code);
  }
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 429]);
  expect(codes).toEqual([0, 0, 8]);
  const refused = answers[2];
  if (!refused) throw new Error("three answers were sent");
  // Credits without a refill do not come back, so a retry is of no use.
  expect([reasonOf(refused), refused.headers.get("retry-after")]).toEqual(["QUOTA_EXCEEDED", null]);
});
