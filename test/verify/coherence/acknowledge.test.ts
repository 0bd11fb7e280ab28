import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { type Acknowledgements, createAcknowledgements } from "../../../src/verify/coherence/acknowledge.ts";
import { leaseMs, marginMs } from "../../../src/verify/coherence/lease.ts";
import { instance, simulate } from "../../support/coherence/feed-simulation.ts";
import { runs } from "../../support/random.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const clock = { monotonic: () => performance.now(), wall: () => performance.now() };

/** Creates bookkeeping whose feed is older than any lease. */
function establishedFeed() {
  const acknowledgements = createAcknowledgements("me", leaseMs, clock);
  acknowledgements.opened(leaseMs);
  vi.advanceTimersByTime(leaseMs + marginMs);
  acknowledgements.seen("me", leaseMs);
  return acknowledgements;
}

/** The marker of a change came back, and the guards of this instance have applied the change. */
function arrive(acknowledgements: Acknowledgements, change: number): void {
  acknowledgements.received(change);
  acknowledgements.applied(change);
}

async function settled(settling: Promise<string>): Promise<string | undefined> {
  let how: string | undefined;
  settling.then((value) => (how = value));
  await vi.advanceTimersByTimeAsync(0);
  return how;
}

test("without other instances, a change is effective when its own change marker has come back", async () => {
  const acknowledgements = establishedFeed();
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  expect(await settled(settling)).toBeUndefined();
  arrive(acknowledgements, change);
  expect(await settled(settling)).toBe("acknowledged");
});

test("an acknowledgement covers every change before it in the order of the feed, and none after it", async () => {
  const acknowledgements = establishedFeed();
  acknowledgements.seen("other", leaseMs);
  const [first, second, third] = [
    acknowledgements.begin(),
    acknowledgements.begin(),
    acknowledgements.begin(),
  ];
  const settling = [first, second, third].map((change) => acknowledgements.settle(change));
  for (const change of [third, first, second]) arrive(acknowledgements, change);
  acknowledgements.acknowledged("other", first);
  expect(await Promise.all(settling.map(settled))).toEqual(["acknowledged", undefined, "acknowledged"]);
  acknowledgements.acknowledged("other", second);
  expect(await settled(settling[1] as Promise<string>)).toBe("acknowledged");
});

test("a change waits for a silent instance only until its lease has expired", async () => {
  const acknowledgements = establishedFeed();
  acknowledgements.seen("gone", leaseMs);
  vi.advanceTimersByTime(600);
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  arrive(acknowledgements, change);
  await vi.advanceTimersByTimeAsync(leaseMs + marginMs - 600);
  expect(await settled(settling)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(2);
  expect(await settled(settling)).toBe("acknowledged");
});

test("a change waits for the longest lease if the feed is younger than that", async () => {
  const acknowledgements = createAcknowledgements("me", leaseMs, clock);
  acknowledgements.opened(5_000);
  const change = acknowledgements.begin();
  arrive(acknowledgements, change);
  const settling = acknowledgements.settle(change);
  await vi.advanceTimersByTimeAsync(5_000 + marginMs - 1);
  expect(await settled(settling)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(await settled(settling)).toBe("timed out");
});

test("a change that waits while the feed is lost times out", async () => {
  const acknowledgements = establishedFeed();
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  acknowledgements.lost();
  acknowledgements.opened(leaseMs);
  arrive(acknowledgements, change);
  expect(await settled(settling)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(leaseMs + marginMs);
  expect(await settled(settling)).toBe("timed out");
});

test("a change stops waiting for an instance that announces its stop", async () => {
  const acknowledgements = establishedFeed();
  acknowledgements.seen("leaving", leaseMs);
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  arrive(acknowledgements, change);
  expect(await settled(settling)).toBeUndefined();
  acknowledgements.left("leaving");
  expect(await settled(settling)).toBe("acknowledged");
});

test("an instance is alone when the others announced their stop, or have been silent too long to be only slow", () => {
  const acknowledgements = establishedFeed();
  expect(acknowledgements.isAlone()).toBe(true);
  for (const name of ["leaving", "slow"]) acknowledgements.seen(name, leaseMs);
  acknowledgements.left("leaving");
  expect(acknowledgements.isAlone()).toBe(false);
  // Its lease has expired, but it still serves.
  vi.advanceTimersByTime(9_000);
  expect(acknowledgements.isAlone()).toBe(false);
  acknowledgements.lost();
  acknowledgements.opened(leaseMs);
  expect(acknowledgements.isAlone()).toBe(false);
  vi.advanceTimersByTime(1_100);
  expect(acknowledgements.isAlone()).toBe(true);
  acknowledgements.seen("leaving", leaseMs);
  expect(acknowledgements.isAlone()).toBe(false);
  acknowledgements.left("leaving");
  expect(acknowledgements.isAlone()).toBe(true);
});

// Actions of three instances, in any order and at any pace. Most of the time, most instances work.
const index = fc.nat(2);
const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("pass"), index, count: fc.integer({ min: 1, max: 400 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("deliver"), index, count: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("read"), index, count: fc.constant(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("change"), index, count: fc.constant(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("lose", "open", "open", "freeze", "wake", "wake", "stop"),
      index,
      count: fc.constant(1),
    }),
  },
);

test("no instance serves a version from before a settled change, with any delays, losses, freezes and restarts", async () => {
  const histories = fc.array(event, { minLength: 60, maxLength: 300, size: "max" });
  await fc.assert(
    fc.asyncProperty(histories, async (events) => {
      const world = simulate([instance("a"), instance("b", 3_000), instance("c")]);
      for (const { kind, index, count } of events) {
        if (kind === "pass") {
          world.heartbeat();
          await vi.advanceTimersByTimeAsync(count);
        } else {
          for (let i = 0; i < count; i++) world.act(kind, index);
          await vi.advanceTimersByTimeAsync(0);
        }
        world.check();
      }
      // Every change settles in the end, even if instances are gone.
      await vi.advanceTimersByTimeAsync(world.longest() + marginMs + 1);
      expect(world.unsettled()).toBe(0);
    }),
    { numRuns: runs(80, 75) },
  );
});
