import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { UsageBatch } from "../../src/domain/kernel/usage-batch.ts";
import { createUsage, type Used } from "../../src/verify/usage.ts";

const hour = 3_600_000;
beforeEach(() => void vi.useFakeTimers({ now: 100 * hour }));
afterEach(() => void vi.useRealTimers());

const used = (n: number): Used => ({ tokenId: `${n}`, keyId: `key_${n}`, sessionId: undefined });

/** Starts to record usage. `batches` has what was written; `fail` makes the next writes fail. */
function start(addresses = true) {
  const batches: UsageBatch[] = [];
  const errors: unknown[] = [];
  const sent: UsageBatch[] = [];
  let failures = 0;
  const usage = createUsage({
    async write(batch) {
      sent.push(structuredClone(batch));
      if (failures > 0) {
        failures -= 1;
        throw new Error("the database is away");
      }
      batches.push(batch);
    },
    intervalMs: 5_000,
    addresses,
    onError: (error) => errors.push(error),
  });
  return { usage, batches, errors, sent, fail: (times: number) => (failures = times) };
}

const countsIn = (batches: UsageBatch[]) => batches.flatMap(({ counts }) => counts);

test("what is recorded is written within the interval, and once", async () => {
  const { usage, batches } = start();
  usage.count(used(1), "VALID", "203.0.113.1");
  usage.count(used(1), "VALID", undefined);
  usage.count(used(1), "RATE_LIMITED", "198.51.100.1");
  usage.touch({ tokenId: undefined, keyId: undefined, sessionId: "ses_1" });
  await vi.advanceTimersByTimeAsync(5_000);
  expect(batches).toEqual([
    {
      id: expect.any(String),
      tokens: [
        {
          keyId: "key_1",
          tokenId: "1",
          usedAt: 100 * hour,
          clientAddress: "203.0.113.1",
          networks: ["203.0.113.0/24"],
        },
      ],
      counts: [
        { keyId: "key_1", hour: 100 * hour, verdict: "VALID", count: 2 },
        { keyId: "key_1", hour: 100 * hour, verdict: "RATE_LIMITED", count: 1 },
      ],
      unknown: [],
      sessions: [{ sessionId: "ses_1", usedAt: 100 * hour }],
    },
  ]);
  await vi.advanceTimersByTimeAsync(20_000);
  expect(batches).toHaveLength(1);
});

test("a failed write is repeated with the same batch, which nothing is added to", async () => {
  const { usage, batches, errors, sent, fail } = start();
  fail(2);
  usage.count(used(1), "VALID", undefined);
  await vi.advanceTimersByTimeAsync(5_000);
  usage.count(used(1), "VALID", undefined);
  usage.count(used(2), "VALID", undefined);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(errors).toHaveLength(2);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(sent[0]).toEqual(sent[1]);
  expect(sent[1]).toEqual(sent[2]);
  expect(batches).toHaveLength(2);
  expect(countsIn(batches).map(({ keyId, count }) => [keyId, count])).toEqual([
    ["key_1", 1],
    ["key_1", 1],
    ["key_2", 1],
  ]);
});

test("each verification counts in its own hour", async () => {
  const { usage, batches } = start();
  usage.count(used(1), "VALID", undefined);
  usage.countUnknown("acct_1", undefined);
  vi.setSystemTime(101 * hour);
  usage.count(used(1), "VALID", undefined);
  usage.count(used(1), "REVOKED", undefined);
  usage.countUnknown("acct_1", undefined);
  await usage.flush();
  expect(countsIn(batches).map(({ hour: at, verdict, count }) => [at / hour, verdict, count])).toEqual([
    [100, "VALID", 1],
    [101, "VALID", 1],
    [101, "REVOKED", 1],
  ]);
  expect(batches[0]?.unknown.map(({ hour: at, count }) => [at / hour, count])).toEqual([
    [100, 1],
    [101, 1],
  ]);
});

test("a shutdown writes everything, in batches of a bounded size", async () => {
  const { usage, batches } = start();
  for (let n = 0; n < 1_200; n++) usage.count(used(n), "VALID", undefined);
  await usage.close();
  expect(batches.map(({ tokens }) => tokens.length)).toEqual([500, 500, 200]);
  expect(countsIn(batches)).toHaveLength(1_200);
  expect(new Set(batches.map(({ id }) => id)).size).toBe(3);
});

test("two tokens of a key are one number", async () => {
  const { usage, batches } = start();
  usage.count({ ...used(1), tokenId: "1" }, "VALID", undefined);
  usage.count({ ...used(1), tokenId: "2" }, "VALID", undefined);
  await usage.flush();
  expect(countsIn(batches)).toMatchObject([{ keyId: "key_1", count: 2 }]);
  expect(batches[0]?.tokens).toHaveLength(2);
});

test("without client addresses, none is in a batch", async () => {
  const { usage, batches } = start(false);
  usage.count(used(1), "VALID", "203.0.113.1");
  usage.countUnknown("acct_1", "203.0.113.1");
  await usage.flush();
  expect(batches[0]?.tokens).toMatchObject([{ clientAddress: undefined, networks: [] }]);
  expect(batches[0]?.unknown).toMatchObject([{ network: "", count: 1 }]);
});

test("a flood takes bounded memory, and what is not recorded is reported", async () => {
  const { usage, batches, errors } = start();
  for (let n = 0; n < 250_003; n++) usage.touch(used(n));
  for (let n = 0; n < 40; n++) usage.count(used(1), "VALID", `10.0.${n}.1`);
  await usage.flush();
  expect(batches.flatMap(({ tokens }) => tokens)).toHaveLength(250_000);
  expect(batches[0]?.tokens[1]?.networks).toHaveLength(16);
  expect(errors).toEqual([expect.objectContaining({ message: expect.stringContaining("3 uses") })]);
});
