import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAcknowledgements } from "../../../src/verify/coherence/acknowledge.ts";
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

/** Bookkeeping whose feed has been open for longer than any lease. */
function old() {
  const acknowledgements = createAcknowledgements("me", leaseMs, clock);
  acknowledgements.opened(leaseMs);
  vi.advanceTimersByTime(leaseMs + marginMs);
  acknowledgements.seen("me", leaseMs);
  return acknowledgements;
}

async function settled(settling: Promise<string>): Promise<string | undefined> {
  let how: string | undefined;
  settling.then((value) => (how = value));
  await vi.advanceTimersByTimeAsync(0);
  return how;
}

test("alone, a change holds when its own mark has come back", async () => {
  const acknowledgements = old();
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  expect(await settled(settling)).toBeUndefined();
  acknowledgements.received(change);
  expect(await settled(settling)).toBe("acknowledged");
});

test("one answer covers every change before it, and none after it, in the order of the feed and not of numbers", async () => {
  const acknowledgements = old();
  acknowledgements.seen("other", leaseMs);
  const [first, second, third] = [
    acknowledgements.begin(),
    acknowledgements.begin(),
    acknowledgements.begin(),
  ];
  const settling = [first, second, third].map((change) => acknowledgements.settle(change));
  for (const change of [third, first, second]) acknowledgements.received(change);
  acknowledgements.acknowledged("other", first);
  expect(await Promise.all(settling.map(settled))).toEqual(["acknowledged", undefined, "acknowledged"]);
  acknowledgements.acknowledged("other", second);
  expect(await settled(settling[1] as Promise<string>)).toBe("acknowledged");
});

test("whoever does not answer is waited for as long as they may hold a lease, and then no more", async () => {
  const acknowledgements = old();
  acknowledgements.seen("gone", leaseMs);
  vi.advanceTimersByTime(600);
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  acknowledgements.received(change);
  await vi.advanceTimersByTimeAsync(leaseMs + marginMs - 600);
  expect(await settled(settling)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(2);
  expect(await settled(settling)).toBe("acknowledged");
});

test("a feed younger than the longest lease knows nobody, and waits it out", async () => {
  const acknowledgements = createAcknowledgements("me", leaseMs, clock);
  acknowledgements.opened(5_000);
  const change = acknowledgements.begin();
  acknowledgements.received(change);
  const settling = acknowledgements.settle(change);
  await vi.advanceTimersByTimeAsync(5_000 + marginMs - 1);
  expect(await settled(settling)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(1);
  expect(await settled(settling)).toBe("timed out");
});

test("a feed that is lost while a change waits acknowledges nothing", async () => {
  const acknowledgements = old();
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  acknowledgements.lost();
  acknowledgements.opened(leaseMs);
  acknowledgements.received(change);
  expect(await settled(settling)).toBeUndefined();
  await vi.advanceTimersByTimeAsync(leaseMs + marginMs);
  expect(await settled(settling)).toBe("timed out");
});

test("an instance that says goodbye is waited for no more", async () => {
  const acknowledgements = old();
  acknowledgements.seen("leaving", leaseMs);
  const change = acknowledgements.begin();
  const settling = acknowledgements.settle(change);
  acknowledgements.received(change);
  expect(await settled(settling)).toBeUndefined();
  acknowledgements.left("leaving");
  expect(await settled(settling)).toBe("acknowledged");
});

// What three instances do, and what happens to them, in any order and at any pace. Most of the time, most of them work.
const who = fc.nat(2);
const event = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("pass"), who, much: fc.integer({ min: 1, max: 400 }) }),
  },
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("deliver"), who, much: fc.integer({ min: 1, max: 12 }) }),
  },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("read"), who, much: fc.constant(1) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("change"), who, much: fc.constant(1) }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constantFrom("lose", "open", "open", "freeze", "wake", "wake", "stop"),
      who,
      much: fc.constant(1),
    }),
  },
);

test("whatever is late, lost, frozen or new: no instance serves what was before a change that has settled", async () => {
  const histories = fc.array(event, { minLength: 60, maxLength: 300, size: "max" });
  await fc.assert(
    fc.asyncProperty(histories, async (events) => {
      const world = simulate([instance("a"), instance("b", 3_000), instance("c")]);
      for (const { kind, who, much } of events) {
        if (kind === "pass") {
          world.heartbeat();
          await vi.advanceTimersByTimeAsync(much);
        } else {
          for (let i = 0; i < much; i++) world.act(kind, who);
          await vi.advanceTimersByTimeAsync(0);
        }
        world.check();
      }
      // Every change settles in the end, whoever is gone.
      await vi.advanceTimersByTimeAsync(world.longest() + marginMs + 1);
      expect(world.unsettled()).toBe(0);
    }),
    { numRuns: runs(300) },
  );
});
