import { timestampMs } from "@bufbuild/protobuf/wkt";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { leaseMs } from "../../../src/verify/coherence/lease.ts";
import { issueKey, type Owner, startBeside, type TestApp, useApp } from "../../support/app.ts";
import { refusal } from "../../support/errors.ts";

// These tests wait for leases, so they use the production lease.
const options = { leaseMs };
// The groups of tests run at the same time. The tests of one group share a service and run one after the other.
const inTurn = { concurrent: false };
// A name such as instances choose.
const instance = "0123456789abcdef01";

/** Sends a payload on the feed, as an instance does. */
async function send(app: TestApp, payload: string): Promise<void> {
  await sql`select pg_notify('latchkey', ${payload})`.execute(app.pool);
}

/** How long revoking a new key takes, in milliseconds. */
async function revocationMs(owner: Owner): Promise<number> {
  const { id } = await issueKey(owner);
  const start = performance.now();
  await owner.apiKeys.revokeApiKey({ id });
  return performance.now() - start;
}

/** Waits until the feed of this instance is older than any lease. The instance then knows all other instances. */
async function knowsAllInstances(owner: Owner): Promise<void> {
  while ((await revocationMs(owner)) > leaseMs / 2);
}

describe.concurrent("an instance that does not acknowledge", () => {
  const app = useApp({}, options);

  test("a change waits for a silent instance until its lease has expired", inTurn, async () => {
    const owner = await app.newAccount();
    await knowsAllInstances(owner);
    const { id } = await issueKey(owner);
    const heartbeatAt = performance.now();
    await send(app, `b ${instance} 1 ${leaseMs}`);
    await owner.apiKeys.revokeApiKey({ id });
    const waited = performance.now() - heartbeatAt;
    expect(waited).toBeGreaterThan(leaseMs * 0.9);
    // The wait never exceeds two leases.
    expect(waited).toBeLessThan(2 * leaseMs);
    expect(await revocationMs(owner)).toBeLessThan(leaseMs / 2);
  });

  test(
    "metrics count how long changes waited, for how many instances, and with which outcome",
    inTurn,
    async ({ onTestFinished }) => {
      const owner = await app.newAccount();
      await knowsAllInstances(owner);
      const before = await figure(app, "latchkey_acknowledged_instances_sum");
      // This instance sends heartbeats and never acknowledges, so a wait ends only by its timeout.
      const heartbeats = setInterval(() => void send(app, `b ${instance} 1 ${leaseMs}`), 50);
      onTestFinished(() => clearInterval(heartbeats));
      await send(app, `b ${instance} 1 ${leaseMs}`);
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

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe.concurrent("a change", () => {
  const app = useApp({}, options);

  test("a change does not wait for an instance that has announced its stop", inTurn, async () => {
    const owner = await app.newAccount();
    await knowsAllInstances(owner);
    await send(app, `b ${instance} 1 ${leaseMs}`);
    await send(app, `x ${instance}`);
    expect(await revocationMs(owner)).toBeLessThan(leaseMs / 2);
  });

  test("payloads that no instance sends are ignored", inTurn, async () => {
    const owner = await app.newAccount();
    await knowsAllInstances(owner);
    for (const payload of [
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
      await send(app, payload);
    const { id, token } = await issueKey(owner);
    await owner.apiKeys.revokeApiKey({ id });
    const { valid } = await app.clientAs(app.platformToken).tokens.verifyToken({ token });
    expect(valid).toBe(false);
  });

  test(
    "a call with an early deadline fails with REVOCATION_PENDING, and a repeat confirms the change",
    inTurn,
    async () => {
      const owner = await app.newAccount();
      await knowsAllInstances(owner);
      const { id } = await issueKey(owner);
      await send(app, `b ${instance} 2 ${leaseMs}`);
      const impatient = app.clientAs(owner.token, { "connect-timeout-ms": "400" });
      const start = performance.now();
      const failure = await refusal(impatient.apiKeys.revokeApiKey({ id }));
      expect(performance.now() - start).toBeLessThan(leaseMs * 0.9);
      expect(failure).toMatchObject({ code: "DeadlineExceeded", reason: "REVOCATION_PENDING" });
      const { apiKey } = await owner.apiKeys.revokeApiKey({ id });
      expect(apiKey?.info?.revokedAt).toBeDefined();
      // The repeat waits for the same instance.
      expect(performance.now() - start).toBeGreaterThan(leaseMs * 0.9);
    },
  );

  test(
    "effective_at is the present time in the response to a change, and the latest possible time when the key is read",
    inTurn,
    async () => {
      const owner = await app.newAccount();
      const { id } = await issueKey(owner);
      const created = (await owner.apiKeys.getApiKey({ id })).apiKey;
      expect(created?.info?.effectiveAt).toEqual(created?.metadata?.createdAt);
      const { apiKey: revoked } = await owner.apiKeys.revokeApiKey({ id });
      const { apiKey: read } = await owner.apiKeys.getApiKey({ id });
      const [at, reported, latest] = [
        revoked?.info?.revokedAt,
        revoked?.info?.effectiveAt,
        read?.info?.effectiveAt,
      ].map((time) => (time ? timestampMs(time) : Number.NaN)) as [number, number, number];
      expect(reported).toBeGreaterThanOrEqual(at);
      expect(reported).toBeLessThanOrEqual(Date.now());
      expect(latest - at).toBeGreaterThanOrEqual(leaseMs);
      expect(latest - at).toBeLessThan(leaseMs + 200);
    },
  );
});

describe.concurrent("longer leases", () => {
  const app = useApp({}, options);

  test(
    "a change through a new instance waits for the longest registered lease",
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
      // Slightly less than the lease, because the feed opened before the test read the clock.
      expect(performance.now() - start).toBeGreaterThan(longMs * 0.8);
    },
  );

  test(
    "an instance that may serve stale entries registers its longer lease before its first heartbeat",
    inTurn,
    async ({ onTestFinished }) => {
      const joined = await startBeside(app, { LATCHKEY_MAX_STALENESS: "2s" }, options);
      onTestFinished(joined.end);
      const { rows } = await sql<{ ms: number }>`select ms from long_lease`.execute(app.pool);
      expect(rows).toEqual([{ ms: 3_000 }]);
    },
  );
});
