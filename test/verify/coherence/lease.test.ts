import fc from "fast-check";
import { expect, test } from "vitest";
import { createLease, leaseMs, marginMs } from "../../../src/verify/coherence/lease.ts";

function world(maxStalenessMs = 0, length = leaseMs) {
  const clock = { now: 1_000, day: 1_000_000, monotonic: () => clock.now, wall: () => clock.day };
  let suspensions = 0;
  const lease = createLease(clock, { leaseMs: length, maxStalenessMs }, () => (suspensions += 1));
  const pass = (ms: number) => {
    clock.now += ms;
    clock.day += ms;
  };
  return { clock, lease, pass, suspensions: () => suspensions };
}

test.each([
  ["in production", 1_000, leaseMs],
  ["with a shorter lease", 500, 500],
])("a lease starts with the first heartbeat and ends after its length: %s", (_, ends, leaseMs) => {
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

test("a heartbeat that comes back after its lease gives none, and an older one does not shorten the lease", () => {
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
  "when %s, the cache is emptied before the next response, and the heartbeat in flight gives no lease",
  (_, monotonicJump, wall) => {
    const { clock, lease, pass, suspensions } = world(60_000);
    lease.confirm(clock.now, 0);
    expect(lease.time()).toBeDefined();
    const sentAt = clock.now;
    pass(10);
    clock.now += monotonicJump;
    clock.day += wall;
    expect([lease.time(), lease.staleTime()]).toEqual([undefined, undefined]);
    expect(suspensions()).toBe(1);
    lease.confirm(sentAt - 1, 0);
    expect(lease.time()).toBeUndefined();
  },
);

test("however the machine was suspended, no lease is held for longer than others wait for it", () => {
  const suspension = fc.integer({ min: 0, max: 60 });
  fc.assert(
    fc.property(suspension, suspension, suspension, (beforeBack, after, later) => {
      const { clock, lease, pass } = world();
      const [sentAt, sentDay] = [clock.now, clock.day];
      pass(10);
      clock.day += beforeBack;
      lease.confirm(sentAt, 0);
      clock.day += after;
      pass(leaseMs - 11);
      clock.day += later;
      if (lease.time() !== undefined) expect(clock.day - sentDay).toBeLessThan(leaseMs + marginMs);
    }),
    { numRuns: 2_000 },
  );
});

test("a pause between the readings of the two clocks is not taken for a suspension", () => {
  const { clock, lease, pass, suspensions } = world();
  lease.confirm(clock.now, 0);
  const { wall } = clock;
  clock.wall = () => {
    clock.wall = wall;
    pass(300);
    return wall();
  };
  expect(lease.time()).toBeDefined();
  expect(suspensions()).toBe(0);
});

test("a clock jump that a heartbeat detects first empties the cache too", () => {
  const { clock, lease, pass, suspensions } = world();
  const sentAt = clock.now;
  pass(5);
  clock.day += 3_600_000;
  lease.confirm(sentAt, 0);
  expect(suspensions()).toBe(1);
  expect(lease.time()).toBeUndefined();
});

test.each(["time", "staleTime", "held"] as const)(
  "a measurement from before a suspension gives no lease, also if `%s` detected the suspension first",
  (detects) => {
    const { clock, lease, pass, suspensions } = world(60_000);
    lease.confirm(clock.now, 0);
    pass(10);
    // This heartbeat or ping waits in the socket while the machine is suspended.
    const sentAt = clock.now;
    pass(10);
    clock.day += 3_600_000;
    expect(lease[detects]()).toBeUndefined();
    expect(suspensions()).toBe(1);
    pass(1);
    lease.confirm(sentAt, 0);
    expect([lease.time(), lease.staleTime(), lease.held()]).toEqual([undefined, undefined, undefined]);
    const later = clock.now;
    pass(1);
    lease.confirm(later, 0);
    expect(lease.time()).toBeDefined();
  },
);

test("stale entries are served after the feed was lost for as long as the operator allows", () => {
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

test("the time of a lease is never earlier than the database's time when it handled the heartbeat", () => {
  // Two heartbeats are never sent at the same time.
  const wait = fc.integer({ min: 1, max: 400 });
  const step = fc.record({ wait, delay: fc.nat(300), skew: fc.integer({ min: -5, max: 5 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
      const { clock, lease, pass } = world();
      for (const { wait, delay, skew } of steps) {
        pass(wait);
        const sentAt = clock.now;
        // The database reads its clock at some moment after the heartbeat was sent.
        const databaseTime = sentAt + delay + 1_000_000 + skew;
        pass(delay);
        lease.confirm(sentAt, databaseTime);
        const time = lease.time();
        if (time !== undefined) expect(time).toBeGreaterThanOrEqual(databaseTime);
      }
    }),
  );
});
