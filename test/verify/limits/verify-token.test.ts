import { sql } from "kysely";
import { expect, test } from "vitest";
import type { VerifyTokenResponse } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, startBeside, type TestApp, useApp } from "../../support/app.ts";
import { setLimits } from "../../support/limits/set.ts";

const app = useApp();

async function newKey(...limits: Parameters<typeof setLimits>[2][]) {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  if (limits.length > 0) await setLimits(app.db, key.id, ...limits);
  const accountId = owner.account.metadata?.id ?? "";
  return { ...key, owner, accountId };
}

const verifier = (one: Pick<TestApp, "clientAs" | "platformToken"> = app) =>
  one.clientAs(one.platformToken).tokens;
const verdicts = (responses: VerifyTokenResponse[]) => responses.map(({ verdict }) => verdict);
const { VALID, RATE_LIMITED, QUOTA_EXCEEDED } = Verdict;

test("a verification takes from the limits of the key, and is refused when one is spent", async () => {
  const { token, id } = await newKey({ name: "burst", limit: 2 }, { name: "total", limit: 10, cost: 2 });
  const first = await verifier().verifyToken({ token });
  expect(first.valid).toBe(true);
  expect(first.rateLimit).toMatchObject({ name: "burst", limit: 2, remaining: 1 });
  await verifier().verifyToken({ token });
  const refused = await verifier().verifyToken({ token });
  expect(refused).toMatchObject({
    valid: false,
    verdict: RATE_LIMITED,
    rateLimit: { name: "burst", remaining: 0 },
  });
  expect(refused.principal).toBeUndefined();
  const { name, limit, remaining, reset_at: resetAt } = refused.metadata;
  expect({ name, limit, remaining }).toEqual({ name: "burst", limit: "2", remaining: "0" });
  expect(Date.parse(resetAt ?? "")).toBeGreaterThan(Date.now());
  // The refused call took nothing from the other limit.
  await setLimits(app.db, id, { name: "total", limit: 10, cost: 2 });
  expect((await verifier().verifyToken({ token, cost: 0 })).rateLimit?.remaining).toBe(6);
});

test("a verification takes the cost that it names", async () => {
  const { token } = await newKey({ limit: 10 });
  expect((await verifier().verifyToken({ token, cost: 7 })).rateLimit?.remaining).toBe(3);
  expect(await verifier().verifyToken({ token, cost: 4 })).toMatchObject({ verdict: RATE_LIMITED });
  expect((await verifier().verifyToken({ token, cost: 3 })).rateLimit?.remaining).toBe(0);
  expect((await verifier().verifyToken({ token, cost: 0 })).valid).toBe(true);
});

test("the keys of an account draw on the limits of the account together", async () => {
  const { owner, token, accountId } = await newKey({ name: "own", limit: 5 });
  const other = await issueKey(owner, { metadata: { name: "another key" } });
  await setLimits(app.db, accountId, { name: "all", limit: 3 });
  const responses = [];
  for (const one of [token, other.token, token, other.token, token]) {
    responses.push(await verifier().verifyToken({ token: one }));
  }
  expect(verdicts(responses)).toEqual([VALID, VALID, VALID, RATE_LIMITED, RATE_LIMITED]);
  expect(responses.map(({ rateLimit }) => rateLimit?.name)).toEqual(["all", "all", "all", "all", "all"]);
});

test("a dry run takes nothing, and fails if a call would", async () => {
  const { token } = await newKey({ limit: 1 });
  for (let n = 0; n < 3; n++) {
    expect(await verifier().verifyToken({ token, dryRun: true })).toMatchObject({
      valid: true,
      rateLimit: { remaining: 1 },
    });
  }
  expect((await verifier().verifyToken({ token })).valid).toBe(true);
  const dry = await verifier().verifyToken({ token, dryRun: true });
  expect(dry).toMatchObject({ verdict: RATE_LIMITED, failedRules: [{ verdict: RATE_LIMITED }] });
});

test("a verification that fails for another reason takes nothing", async () => {
  const { token } = await newKey({ limit: 1 });
  const denied = await verifier().verifyToken({ token, requiredPermissions: ["runs:start"] });
  expect(denied).toMatchObject({ verdict: Verdict.PERMISSION_DENIED });
  expect(denied.rateLimit).toBeUndefined();
  expect((await verifier().verifyToken({ token })).valid).toBe(true);
});

test("a batch takes in the order of its requests", async () => {
  const [one, other] = [await newKey({ limit: 2 }), await newKey()];
  const { responses } = await verifier().batchVerifyTokens({
    requests: [one, one, other, one].map(({ token }) => ({ token })),
  });
  expect(verdicts(responses)).toEqual([VALID, VALID, VALID, RATE_LIMITED]);
});

test("a verifier of another account learns nothing of a limit and takes nothing", async () => {
  const [{ token }, stranger] = [await newKey({ limit: 1 }), await app.newAccount()];
  for (let n = 0; n < 2; n++) {
    const response = await stranger.tokens.verifyToken({ token });
    expect(response).toMatchObject({ verdict: Verdict.INVALID, metadata: {} });
    expect(response.rateLimit).toBeUndefined();
  }
  expect((await verifier().verifyToken({ token })).valid).toBe(true);
});

test("a raised limit counts at once, and a removed one limits nothing", async () => {
  const { token, id } = await newKey({ limit: 1 });
  const take = async () => (await verifier().verifyToken({ token })).verdict;
  expect([await take(), await take()]).toEqual([VALID, RATE_LIMITED]);
  await setLimits(app.db, id, { limit: 2 });
  expect([await take(), await take()]).toEqual([VALID, RATE_LIMITED]);
  await setLimits(app.db, id);
  const free = await verifier().verifyToken({ token });
  expect([free.verdict, free.rateLimit]).toEqual([VALID, undefined]);
});

test("credits that are spent give the rate limit back", async () => {
  const { token, id, accountId } = await newKey({ limit: 10 });
  await sql`
    insert into credit (id, account_id, remaining, refilled_at, created_at, changed_at)
    values (${id}, ${accountId}, 2, now(), now(), now())`.execute(app.db);
  const responses = [];
  for (let n = 0; n < 5; n++) responses.push(await verifier().verifyToken({ token }));
  expect(verdicts(responses)).toEqual([VALID, VALID, QUOTA_EXCEEDED, QUOTA_EXCEEDED, QUOTA_EXCEEDED]);
  expect((await verifier().verifyToken({ token, dryRun: true })).rateLimit?.remaining).toBe(8);
});

test("two instances together accept what the limit allows", async () => {
  const { token } = await newKey({ limit: 30 });
  const beside = await startBeside(app);
  try {
    // Each instance has seen the other one.
    for (const one of [app, beside.app]) await one.app.settled();
    const calls = Array.from({ length: 80 }, (_, n) =>
      verifier(n % 2 === 0 ? app : beside.app).verifyToken({ token }),
    );
    const accepted = (await Promise.all(calls)).filter(({ valid }) => valid);
    expect(accepted).toHaveLength(30);
  } finally {
    await beside.end();
  }
});

test("a restarted instance keeps what was taken", async () => {
  const { token } = await newKey({ limit: 5 });
  const one = await startBeside(app);
  for (let n = 0; n < 3; n++) expect((await verifier(one.app).verifyToken({ token })).valid).toBe(true);
  await one.end();
  const other = await startBeside(app);
  const left = [];
  for (let n = 0; n < 4; n++) left.push((await verifier(other.app).verifyToken({ token })).valid);
  await other.end();
  expect(left).toEqual([true, true, false, false]);
});
