import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Invalidation } from "../../../src/verify/coherence/feed-message.ts";
import { concernPayload, parseFeedMessage } from "../../../src/verify/coherence/feed-message.ts";
import { leaseMs, marginMs } from "../../../src/verify/coherence/lease.ts";
import { lateMs, silentMs, unacknowledgedMs, type Watcher } from "../../../src/verify/coherence/watcher.ts";
import {
  createWatchers,
  maxWatchers,
  maxWatchersPerAccount,
} from "../../../src/verify/coherence/watchers.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const clock = { monotonic: () => performance.now(), wall: () => performance.now() };
const lease = () => ({ until: performance.now() + leaseMs, time: 0 });
const open = () => createWatchers({ clock, held: lease });

function invalidation(payload: string): Invalidation {
  const message = parseFeedMessage(payload);
  if (message?.kind !== "invalidation") throw new Error(`${payload} is no invalidation`);
  return message;
}

async function tagsOf(watcher: Watcher): Promise<string[]> {
  const message = await watcher.next();
  return message?.kind === "invalidation" ? message.tags : [];
}

async function isGranted(watcher: Watcher): Promise<boolean> {
  watcher.ping(1);
  const message = await watcher.next();
  return message?.kind === "grant" && message.leftMs > 0;
}

test("a guard receives what its account and the feed allow it to know", async () => {
  const watchers = open();
  const cases: [payload: string, ofA: string[], ofEvery: string[]][] = [
    ["i key_1 @acct_a", ["key_1"], ["key_1"]],
    ["i acct_a user_1 @acct_a", ["acct_a"], ["acct_a"]],
    ["i key_1 key_2 @acct_a @acct_b", ["acct_a"], ["key_1", "key_2"]],
    ["i acct_a acct_b", ["acct_a"], ["acct_a", "acct_b"]],
    // A trigger of an earlier version does not say whose the key is.
    ["i key_1", ["*"], ["*"]],
    ["i *", ["*"], ["*"]],
  ];
  for (const [payload, ofA, ofEvery] of cases) {
    const [a, every] = [watchers.open("acct_a"), watchers.open(undefined)];
    watchers.invalidate(invalidation(payload));
    expect(await tagsOf(a), payload).toEqual(ofA);
    expect(await tagsOf(every), payload).toEqual(ofEvery);
  }
});

test("a guard receives nothing of other accounts, of sessions and of users", async () => {
  const watchers = open();
  const [a, every] = [watchers.open("acct_a"), watchers.open(undefined)];
  for (const payload of [
    "i key_9 @acct_b",
    "i acct_b",
    "i ses_1",
    "i user_1",
    "i @acct_a",
    concernPayload("all"),
  ])
    watchers.invalidate(invalidation(payload));
  // The answer to a ping comes after everything that was enqueued before.
  expect(await isGranted(a)).toBe(true);
  expect(await tagsOf(every)).toEqual(["key_9", "acct_b"]);
});

test("one account cannot take the places of another, and a place is free when its grant has ended", async () => {
  const watchers = open();
  const all = Array.from({ length: maxWatchersPerAccount }, () => watchers.open("acct_a"));
  expect(() => watchers.open("acct_a")).toThrow("too many guards");
  watchers.open("acct_b");
  const [first] = all;
  if (!first) throw new Error("no guard");
  expect(await isGranted(first)).toBe(true);
  first.close();
  expect(() => watchers.open("acct_a")).toThrow("too many guards");
  await vi.advanceTimersByTimeAsync(leaseMs + marginMs + 2);
  watchers.open("acct_a");
});

test("no number of accounts can take the places of the platform's guards", () => {
  const watchers = open();
  for (let n = 0; n < maxWatchers; n++) watchers.open(`acct_${n}`);
  expect(() => watchers.open("acct_new")).toThrow("too many guards");
  for (let n = 0; n < maxWatchersPerAccount; n++) watchers.open(undefined);
  expect(() => watchers.open(undefined)).toThrow("too many guards");
});

test("a hundred accounts that open all guards they can leave places for other accounts", () => {
  const watchers = open();
  const openAll = (accountId: string) => {
    for (let n = 0; ; n++) {
      try {
        watchers.open(accountId);
      } catch {
        return n;
      }
    }
  };
  const opened = Array.from({ length: 100 }, (_, n) => openAll(`acct_${n}`));
  expect(opened[0]).toBe(maxWatchersPerAccount);
  for (let n = 0; n < 64; n++) expect(() => watchers.open(`acct_other_${n}`)).not.toThrow();
});

test("a guard that does not acknowledge gets no grant until it has", async () => {
  const watchers = open();
  const guard = watchers.open("acct_a");
  watchers.invalidate(invalidation("i key_1 @acct_a"));
  await guard.next();
  expect(await isGranted(guard)).toBe(true);
  await vi.advanceTimersByTimeAsync(lateMs + 1);
  expect(await isGranted(guard)).toBe(false);
  guard.acknowledge(1);
  expect(await isGranted(guard)).toBe(true);
});

test("an acknowledgement of what was not sent yet counts for nothing", async () => {
  const watchers = open();
  const guard = watchers.open("acct_a");
  expect(await isGranted(guard)).toBe(true);
  watchers.invalidate(invalidation("i key_1 @acct_a"));
  guard.acknowledge(1_000_000);
  const applied = vi.fn();
  watchers.whenApplied(new Set(["acct_a"]), applied);
  expect(applied).not.toHaveBeenCalled();
  await guard.next();
  guard.acknowledge(1);
  expect(applied).toHaveBeenCalledOnce();
});

test("the backlog of a guard that reads nothing is one message", async () => {
  const watchers = open();
  const guard = watchers.open("acct_a");
  for (let i = 0; i <= 1_000; i++) watchers.invalidate(invalidation(`i key_${i} @acct_a`));
  expect(await tagsOf(guard)).toEqual(["*"]);
});

test("a guard that is silent, or that acknowledges nothing, loses its stream", async () => {
  const watchers = open();
  const silent = watchers.open("acct_a").next().catch(String);
  const deaf = watchers.open("acct_b");
  watchers.invalidate(invalidation("i key_1 @acct_b"));
  await deaf.next();
  const ended = deaf.next().catch(String);
  for (let ms = 0; ms < unacknowledgedMs + 6_000; ms += 1_000) {
    deaf.ping(1);
    await vi.advanceTimersByTimeAsync(1_000);
  }
  expect(await ended).toMatchObject({ kind: "grant" });
  expect(await deaf.next().catch(String)).toContain("acknowledged no invalidation");
  await vi.advanceTimersByTimeAsync(silentMs);
  expect(await silent).toContain("sent nothing");
  expect(watchers.count()).toBe(0);
});

test("an instance that stops gives no grants, and waits until its guards have none", async () => {
  const watchers = open();
  const guard = watchers.open("acct_a");
  expect(await isGranted(guard)).toBe(true);
  let stopped = false;
  const stopping = watchers.stop().then(() => {
    stopped = true;
  });
  expect(await tagsOf(guard)).toEqual(["*"]);
  expect(await isGranted(guard)).toBe(false);
  await vi.advanceTimersByTimeAsync(leaseMs / 2);
  expect(stopped).toBe(false);
  guard.acknowledge(1);
  await stopping;
  expect(() => watchers.open("acct_a")).toThrow("shutting down");
});

test("an instance reports the states of its guards, and how long it waited for them", async () => {
  const waits: unknown[] = [];
  const watchers = createWatchers({
    clock,
    held: lease,
    onWaited: (how, milliseconds) => waits.push([how, Math.round(milliseconds)]),
  });
  expect(watchers.states()).toEqual({ granted: 0, idle: 0, late: 0, ended: 0 });
  const [silent, prompt, ended] = [1, 2, 3].map((n) => watchers.open(`acct_${n}`));
  watchers.open("acct_4");
  for (const one of [silent, prompt, ended]) if (one) expect(await isGranted(one)).toBe(true);
  ended?.close();
  expect(watchers.states()).toEqual({ granted: 2, idle: 1, late: 0, ended: 1 });
  for (const account of ["acct_1", "acct_2", "acct_4"]) {
    watchers.invalidate(invalidation(`i key_1 @${account}`));
    watchers.whenApplied(new Set([account]), () => undefined);
  }
  for (const one of [silent, prompt]) await one?.next();
  await vi.advanceTimersByTimeAsync(lateMs + 1);
  expect(watchers.states()).toEqual({ granted: 0, idle: 0, late: 3, ended: 1 });
  prompt?.acknowledge(1);
  expect(watchers.states()).toEqual({ granted: 1, idle: 0, late: 2, ended: 1 });
  await vi.advanceTimersByTimeAsync(leaseMs + marginMs + 1);
  // The guard of the fourth account has no grant, so the change does not wait for it.
  expect(waits).toEqual([
    ["acknowledged", lateMs + 1],
    ["expired", expect.closeTo(leaseMs + marginMs, -1)],
  ]);
  expect(watchers.states()).toMatchObject({ granted: 0, ended: 0 });
});
