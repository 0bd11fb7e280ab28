import { timestampMs } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { leaseMs } from "../../../src/verify/coherence/lease.ts";
import { issueKey, type Owner, startBeside, type TestApp, useApp } from "../../support/app.ts";
import { refusal } from "../../support/errors.ts";

// The lease of production, which is what an instance waits for here.
const options = { leaseMs };
// The groups of tests wait at the same time; the tests of one group share a service.
const inTurn = { concurrent: false };
// As instances name themselves.
const instance = "0123456789abcdef01";

/** Says something on the feed, as an instance does. */
async function say(app: TestApp, words: string): Promise<void> {
  await sql`select pg_notify('latchkey', ${words})`.execute(app.pool);
}

/** How long revoking a new key takes, in milliseconds. */
async function revocationMs(owner: Owner): Promise<number> {
  const { id } = await issueKey(owner);
  const start = performance.now();
  await owner.apiKeys.revokeApiKey({ id });
  return performance.now() - start;
}

/** Waits until this instance has heard the feed for longer than any lease: from then on it knows everybody. */
async function knowsEverybody(owner: Owner): Promise<void> {
  while ((await revocationMs(owner)) > leaseMs / 2);
}

describe.concurrent("an instance that does not answer", () => {
  const app = useApp({}, options);

  test(
    "an instance that beats and does not answer is waited for until its lease is over",
    inTurn,
    async () => {
      const owner = await app.newAccount();
      await knowsEverybody(owner);
      const { id } = await issueKey(owner);
      const heartbeatAt = performance.now();
      await say(app, `b ${instance} 1 ${leaseMs}`);
      await owner.apiKeys.revokeApiKey({ id });
      const waited = performance.now() - heartbeatAt;
      expect(waited).toBeGreaterThan(leaseMs * 0.9);
      // The lease plus 1 s, whatever happens.
      expect(waited).toBeLessThan(2 * leaseMs);
      expect(await revocationMs(owner)).toBeLessThan(leaseMs / 2);
    },
  );

  test(
    "how long changes waited, for how many others, and how that ended is counted",
    inTurn,
    async ({ onTestFinished }) => {
      const owner = await app.newAccount();
      await knowsEverybody(owner);
      const before = await figure(app, "latchkey_acknowledged_instances_sum");
      // Beats on and never answers: only its patience ends a wait.
      const heartbeats = setInterval(() => void say(app, `b ${instance} 1 ${leaseMs}`), 50);
      onTestFinished(() => clearInterval(heartbeats));
      await say(app, `b ${instance} 1 ${leaseMs}`);
      const timedOut = 'latchkey_acknowledged_seconds_count{outcome="timed_out"}';
      const late = await figure(app, timedOut);
      await revocationMs(owner);
      expect(await figure(app, timedOut)).toBe(late + 1);
      expect(await figure(app, "latchkey_acknowledged_instances_sum")).toBe(before + 1);
    },
  );
});

async function figure(app: TestApp, name: string): Promise<number> {
  const { body } = await app.metrics.render();
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

describe.concurrent("a change", () => {
  const app = useApp({}, options);

  test("an instance that said goodbye is waited for by nobody", inTurn, async () => {
    const owner = await app.newAccount();
    await knowsEverybody(owner);
    await say(app, `b ${instance} 1 ${leaseMs}`);
    await say(app, `x ${instance}`);
    expect(await revocationMs(owner)).toBeLessThan(leaseMs / 2);
  });

  test("words on the feed that no instance says harm nobody", inTurn, async () => {
    const owner = await app.newAccount();
    await knowsEverybody(owner);
    for (const words of [
      "",
      "b",
      "b odd",
      "b odd x y",
      "m",
      "m odd",
      "x",
      "i",
      "nonsense",
      `b ${instance}`,
      `b ${instance} 1 -1`,
      `b ${instance} 1 1e9`,
    ])
      await say(app, words);
    const { id, token } = await issueKey(owner);
    await owner.apiKeys.revokeApiKey({ id });
    const { valid } = await app.clientAs(app.platformToken).tokens.verifyToken({ token });
    expect(valid).toBe(false);
  });

  test(
    "a caller without time to wait is told that the change is pending, and learns the rest by repeating it",
    inTurn,
    async () => {
      const owner = await app.newAccount();
      await knowsEverybody(owner);
      const { id } = await issueKey(owner);
      await say(app, `b ${instance} 2 ${leaseMs}`);
      const hasty = app.clientAs(owner.token, { "connect-timeout-ms": "400" });
      const start = performance.now();
      const refused = await refusal(hasty.apiKeys.revokeApiKey({ id }));
      expect(performance.now() - start).toBeLessThan(leaseMs * 0.9);
      expect(refused).toMatchObject({ code: "DeadlineExceeded", reason: "REVOCATION_PENDING" });
      const { apiKey } = await owner.apiKeys.revokeApiKey({ id });
      expect(apiKey?.info?.revokedAt).toBeDefined();
      // Who repeats it waits for the same instance.
      expect(performance.now() - start).toBeGreaterThan(leaseMs * 0.9);
    },
  );

  test(
    "effective_at is now in the answer to a change, and the latest moment possible for whoever reads it",
    inTurn,
    async () => {
      const owner = await app.newAccount();
      const { id } = await issueKey(owner);
      const created = (await owner.apiKeys.getApiKey({ id })).apiKey;
      expect(created?.info?.effectiveAt).toEqual(created?.metadata?.createdAt);
      const { apiKey: revoked } = await owner.apiKeys.revokeApiKey({ id });
      const { apiKey: read } = await owner.apiKeys.getApiKey({ id });
      const [at, told, latest] = [
        revoked?.info?.revokedAt,
        revoked?.info?.effectiveAt,
        read?.info?.effectiveAt,
      ].map((time) => (time ? timestampMs(time) : Number.NaN)) as [number, number, number];
      expect(told).toBeGreaterThanOrEqual(at);
      expect(told).toBeLessThanOrEqual(Date.now());
      expect(latest - at).toBeGreaterThanOrEqual(leaseMs);
      expect(latest - at).toBeLessThan(leaseMs + 200);
    },
  );
});

describe.concurrent("longer leases", () => {
  const app = useApp({}, options);

  test(
    "an instance that joins waits out the longest lease that was declared, before it knows everybody",
    inTurn,
    async ({ onTestFinished }) => {
      const owner = await app.newAccount();
      const longMs = 1_800;
      await sql`
      insert into long_lease (ms, until) values (${longMs}, clock_timestamp() + interval '1 minute')`.execute(
        app.pool,
      );
      const joined = await startBeside(app, {}, options);
      onTestFinished(async () => {
        await joined.end();
        await sql`delete from long_lease`.execute(app.pool);
      });
      const start = performance.now();
      const { id } = await issueKey(owner);
      await joined.app.clientAs(owner.token).apiKeys.revokeApiKey({ id });
      // A little less than the lease itself: the feed had opened before the clock was read.
      expect(performance.now() - start).toBeGreaterThan(longMs * 0.8);
    },
  );

  test(
    "an instance that may serve what is stale declares its longer lease before its first beat, and is waited for",
    inTurn,
    async ({ onTestFinished }) => {
      const joined = await startBeside(app, { LATCHKEY_MAX_STALENESS: "2s" }, options);
      onTestFinished(joined.end);
      const { rows } = await sql<{ ms: number }>`select ms from long_lease`.execute(app.pool);
      expect(rows).toEqual([{ ms: 3_000 }]);
    },
  );
});
