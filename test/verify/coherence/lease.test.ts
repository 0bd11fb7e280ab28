import fc from "fast-check";
import { expect, test } from "vitest";
import { createLease, leaseMs } from "../../../src/verify/coherence/lease.ts";

function world(maxStalenessMs = 0, length = leaseMs) {
  const clock = { now: 1_000, day: 1_000_000, monotonic: () => clock.now, wall: () => clock.day };
  let emptied = 0;
  const lease = createLease(clock, { leaseMs: length, maxStalenessMs }, () => (emptied += 1));
  const pass = (ms: number) => {
    clock.now += ms;
    clock.day += ms;
  };
  return { clock, lease, pass, emptied: () => emptied };
}

test.each([
  ["in production", 1_000, leaseMs],
  ["where it is shorter", 500, 500],
])("a lease begins with the first beat and ends when it is over: %s", (_, ends, leaseMs) => {
  expect(leaseMs).toBe(ends);
  const { clock, lease, pass } = world(0, leaseMs);
  expect(lease.time()).toBeUndefined();
  const sentAt = clock.now;
  pass(300);
  lease.confirm(sentAt, 5_000);
  pass(leaseMs - 301);
  expect(lease.time()).toBe(5_000 + leaseMs - 1);
  pass(1);
  expect(lease.time()).toBeUndefined();
});

test("a beat that comes back after its own lease gives none, and an earlier one takes nothing away", () => {
  const { clock, lease, pass } = world();
  const [early, late] = [clock.now, clock.now + 200];
  pass(400);
  lease.confirm(late, 0);
  lease.confirm(early, 0);
  pass(leaseMs - 201);
  expect(lease.time()).toBeDefined();
  const sentAt = clock.now;
  pass(leaseMs);
  lease.confirm(sentAt, 0);
  expect(lease.time()).toBeUndefined();
});

test.each([
  ["the wall clock jumps ahead", 0, 101],
  ["the wall clock jumps back", 0, -101],
  ["the machine was suspended while the monotonic clock stood still", 0, 10_000],
])(
  "when %s, memory is emptied before the next answer, and the beat under way counts for nothing",
  (_, mono, wall) => {
    const { clock, lease, pass, emptied } = world(60_000);
    lease.confirm(clock.now, 0);
    expect(lease.time()).toBeDefined();
    const sentAt = clock.now;
    pass(10);
    clock.now += mono;
    clock.day += wall;
    expect([lease.time(), lease.staleTime()]).toEqual([undefined, undefined]);
    expect(emptied()).toBe(1);
    lease.confirm(sentAt - 1, 0);
    expect(lease.time()).toBeUndefined();
  },
);

test("a jump that a beat sees first empties memory too", () => {
  const { clock, lease, pass, emptied } = world();
  const sentAt = clock.now;
  pass(5);
  clock.day += 3_600_000;
  lease.confirm(sentAt, 0);
  expect(emptied()).toBe(1);
  expect(lease.time()).toBeUndefined();
});

test("what may be stale is served for as long as allowed after the feed was lost, and no longer", () => {
  const { clock, lease, pass } = world(5_000);
  lease.confirm(clock.now, 0);
  lease.suspend();
  expect(lease.time()).toBeUndefined();
  expect(lease.staleTime()).toBeDefined();
  pass(leaseMs + 4_999);
  expect(lease.staleTime()).toBeDefined();
  pass(1);
  expect(lease.staleTime()).toBeUndefined();
});

test("time is never late: never behind what the database's clock said when a beat was sent", () => {
  const step = fc.record({ wait: fc.nat(400), way: fc.nat(300), skew: fc.integer({ min: -5, max: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const { clock, lease, pass } = world();
      for (const { wait, way, skew } of steps) {
        pass(wait);
        const sentAt = clock.now;
        // The database reads its clock at some moment after the beat was sent.
        const databaseTime = sentAt + way + 1_000_000 + skew;
        pass(way);
        lease.confirm(sentAt, databaseTime);
        const time = lease.time();
        if (time !== undefined) expect(time).toBeGreaterThanOrEqual(databaseTime);
      }
    }),
  );
});
