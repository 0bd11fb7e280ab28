import { timestampDate } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { CreditRefill } from "../../gen/latchkey/v1/credit_pb.ts";
import type { VerifyTokenResponse } from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, startApp, startBeside, type TestApp, useApp } from "../support/app.ts";
import { creditsLeft } from "../support/database/credit.ts";
import { startProxy } from "../support/database/proxy.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const { VALID, QUOTA_EXCEEDED } = Verdict;
type Target = Pick<TestApp, "clientAs" | "platformToken">;
const platform = () => app.clientAs(app.platformToken).accounts;
const verifier = (one: Target = app) => one.clientAs(one.platformToken).tokens;
const verdicts = (responses: VerifyTokenResponse[]) => responses.map(({ verdict }) => verdict);

/** A new key. With a number, it has so many credits. */
async function newKey(remaining?: number) {
  const owner = await app.newAccount();
  const { id: keyId, token } = await issueKey(owner);
  const accountId = owner.account.metadata?.id ?? "";
  if (remaining !== undefined) await platform().setCredits({ accountId, keyId, credits: { remaining } });
  return { owner, accountId, keyId, token };
}

async function verifyTimes(times: number, request: { token: string; cost?: number }) {
  const responses: VerifyTokenResponse[] = [];
  for (let n = 0; n < times; n++) responses.push(await verifier().verifyToken(request));
  return responses;
}

describe("a verification", () => {
  test("takes one credit, and says what is left, until the quota is exceeded", async () => {
    const { token } = await newKey(2);
    const responses = await verifyTimes(3, { token });
    expect(verdicts(responses)).toEqual([VALID, VALID, QUOTA_EXCEEDED]);
    expect(responses.map(({ credits }) => credits?.remaining)).toEqual([1, 0, 0]);
    expect(responses[2]).toMatchObject({ valid: false, metadata: { limit: "2", remaining: "0" } });
    expect(responses[2]?.metadata).not.toHaveProperty("reset_at");
    expect(responses[2]?.principal).toBeUndefined();
  });

  test("takes the cost that the request names, or nothing", async () => {
    const { token, keyId } = await newKey(10);
    expect((await verifier().verifyToken({ token, cost: 7 })).credits?.remaining).toBe(3);
    expect(await verifier().verifyToken({ token, cost: 4 })).toMatchObject({
      verdict: QUOTA_EXCEEDED,
      metadata: { remaining: "3" },
    });
    expect((await verifier().verifyToken({ token, cost: 0 })).credits?.remaining).toBe(3);
    expect(await creditsLeft(app.pool, keyId)).toBe(3);
  });

  test("takes from the credits of the key and of its account, or from neither", async () => {
    const { token, owner, keyId, accountId } = await newKey(10);
    const { token: other } = await issueKey(owner, { metadata: { name: "other" } });
    await platform().setCredits({ accountId, credits: { remaining: 3 } });
    const responses = [...(await verifyTimes(2, { token })), ...(await verifyTimes(2, { token: other }))];
    expect(verdicts(responses)).toEqual([VALID, VALID, VALID, QUOTA_EXCEEDED]);
    expect(responses.map(({ credits }) => credits?.remaining)).toEqual([2, 1, 0, 0]);
    expect((await verifier().verifyToken({ token })).verdict).toBe(QUOTA_EXCEEDED);
    expect(await creditsLeft(app.pool, keyId)).toBe(8);
  });

  test("that is a dry run or fails for another reason takes nothing", async () => {
    const { token, keyId } = await newKey(1);
    for (let n = 0; n < 3; n++) {
      expect(await verifier().verifyToken({ token, dryRun: true })).toMatchObject({
        valid: true,
        credits: { remaining: 1 },
      });
    }
    const denied = await verifier().verifyToken({ token, requiredPermissions: ["runs:start"] });
    expect([denied.verdict, denied.credits]).toEqual([Verdict.PERMISSION_DENIED, undefined]);
    expect(await creditsLeft(app.pool, keyId)).toBe(1);
    await verifier().verifyToken({ token });
    expect(await verifier().verifyToken({ token, dryRun: true })).toMatchObject({
      verdict: QUOTA_EXCEEDED,
      failedRules: [{ verdict: QUOTA_EXCEEDED }],
    });
  });

  test("of a batch takes in the order of the requests", async () => {
    const [one, free] = [await newKey(2), await newKey()];
    const requests = [one, one, free, one].map(({ token }) => ({ token }));
    const { responses } = await verifier().batchVerifyTokens({ requests });
    expect(verdicts(responses)).toEqual([VALID, VALID, VALID, QUOTA_EXCEEDED]);
  });

  test("by a caller of another account shows nothing about the credits and takes nothing", async () => {
    const [{ token, keyId }, stranger] = [await newKey(1), await app.newAccount()];
    const response = await stranger.tokens.verifyToken({ token });
    expect([response.verdict, response.credits, response.metadata]).toEqual([Verdict.INVALID, undefined, {}]);
    expect(await creditsLeft(app.pool, keyId)).toBe(1);
  });
});

test("a refill names the time at which the credits return", async () => {
  const { token, accountId, keyId } = await newKey();
  const credits = { remaining: 0, refillAmount: 5, refill: CreditRefill.DAILY };
  const set = await platform().setCredits({ accountId, keyId, credits });
  const next = set.credits?.nextRefillAt && timestampDate(set.credits.nextRefillAt).toISOString();
  const refused = await verifier().verifyToken({ token });
  expect(refused).toMatchObject({
    verdict: QUOTA_EXCEEDED,
    metadata: { limit: "5", remaining: "0", reset_at: next },
  });
  await sql`update credit set refilled_at = refilled_at - interval '1 day' where id = ${keyId}`.execute(
    app.db,
  );
  expect((await verifier().verifyToken({ token })).credits?.remaining).toBe(4);
});

describe("two instances", () => {
  let beside: TestApp;
  beforeAll(async () => {
    const { app: second, end } = await startBeside(app);
    beside = second;
    return end;
  });

  test("follow a change of credits as soon as its call returns: a limit for a cached key, more credits, and no limit", async () => {
    const { token, accountId, keyId } = await newKey();
    const atBoth = async () => {
      const responses = [];
      for (const one of [app, beside]) responses.push(await verifier(one).verifyToken({ token }));
      return verdicts(responses);
    };
    for (let n = 0; n < 2; n++) expect(await atBoth()).toEqual([VALID, VALID]);
    await platform().setCredits({ accountId, keyId, credits: { remaining: 1 } });
    expect(await atBoth()).toEqual([VALID, QUOTA_EXCEEDED]);
    await platform().addCredits({ accountId, keyId, amount: 1 });
    expect(await atBoth()).toEqual([VALID, QUOTA_EXCEEDED]);
    await platform().removeCredits({ accountId, keyId });
    expect(await atBoth()).toEqual([VALID, VALID]);
    const free = await verifier(beside).verifyToken({ token });
    expect(free.credits).toBeUndefined();
  });

  test("accept exactly 1,000 calls of 200 concurrent callers if the quota is 1,000", async () => {
    const { token, keyId } = await newKey(1_000);
    const drawUntilRefused = async (one: Target) => {
      for (let accepted = 0; ; accepted++) {
        if (!(await verifier(one).verifyToken({ token })).valid) return accepted;
      }
    };
    const callers = Array.from({ length: 200 }, (_, n) => drawUntilRefused(n % 2 === 0 ? app : beside));
    const accepted = (await Promise.all(callers)).reduce((sum, one) => sum + one, 0);
    expect(accepted).toBe(1_000);
    expect(await creditsLeft(app.pool, keyId)).toBe(0);
  });
});

test("a token of a batch whose credits are held is not valid, and the other tokens keep their verdicts", async () => {
  const [held, other, free] = [await newKey(5), await newKey(5), await newKey()];
  const batch = (...keys: (typeof held)[]) =>
    verifier().batchVerifyTokens({ requests: keys.map(({ token }) => ({ token })) });
  await app.pool.transaction().execute(async (tx) => {
    await sql`select from credit where id = ${held.keyId} for update`.execute(tx);
    const [alone, together] = await Promise.all([
      refusal(batch(held, held)),
      batch(held, other, { ...free, token: "garbage" }, free),
    ]);
    expect(alone).toMatchObject({ code: "Unavailable" });
    const { UNSPECIFIED, INVALID } = Verdict;
    expect(verdicts(together.responses)).toEqual([UNSPECIFIED, VALID, INVALID, VALID]);
    const metadata = { reason: "UNAVAILABLE", key_id: held.keyId };
    expect(together.responses[0]).toMatchObject({ valid: false, metadata });
    expect(together.responses[0]?.principal).toBeUndefined();
  });
  expect(await creditsLeft(app.pool, other.keyId)).toBe(4);
});

test("while the database is away, a key with credits is refused as unavailable, and takes nothing", async () => {
  const { app: home, end } = await startApp();
  onTestFinished(end);
  const proxy = await startProxy(home.databaseUrl);
  onTestFinished(() => proxy.close());
  const owner = await home.newAccount();
  const { id: keyId, token } = await issueKey(owner);
  const accountId = owner.account.metadata?.id ?? "";
  const credits = { remaining: 5 };
  await home.clientAs(home.platformToken).accounts.setCredits({ accountId, keyId, credits });
  const distant = await startBeside(home, {}, { lookupsUrl: proxy.url, listenUrl: home.databaseUrl });
  onTestFinished(distant.end);
  expect((await verifier(distant.app).verifyToken({ token })).credits?.remaining).toBe(4);
  await proxy.refuse();
  expect(await refusal(verifier(distant.app).verifyToken({ token }))).toMatchObject({ code: "Unavailable" });
  await proxy.heal();
  expect(await creditsLeft(home.pool, keyId)).toBe(4);
});
