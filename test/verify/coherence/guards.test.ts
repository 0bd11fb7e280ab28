import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createAckOrder } from "../../../src/verify/coherence/ack-order.ts";
import { leaseMs, marginMs } from "../../../src/verify/coherence/lease.ts";
import { createWatchers } from "../../../src/verify/coherence/watchers.ts";
import { simulateGuards } from "../../support/coherence/guard-simulation.ts";
import { realParts, type SimulatedParts } from "../../support/coherence/simulated-instance.ts";
import { runs } from "../../support/random.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval", "performance"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const pick = fc.nat(1);
const once: fc.Arbitrary<number> = fc.constant(1);

function events(weight: number, of: "instance" | "guard", kinds: string[], count = once, at = fc.nat(1)) {
  const arbitrary = fc.record({ of: fc.constant(of), kind: fc.constantFrom(...kinds), at, pick, count });
  return { weight, arbitrary };
}

// Actions in any order and at any pace. Most of the time, most instances, guards and streams work.
const several = (max: number) => fc.integer({ min: 1, max });
const event = fc.oneof(
  events(6, "instance", ["time"], several(150)),
  events(10, "instance", ["deliver"], several(12)),
  events(5, "instance", ["change", "change", "changeBoth", "repeat", "barrier", "read"]),
  events(1, "instance", ["psql", "oldTrigger", "oldServer"]),
  events(2, "instance", ["lose", "listen", "open", "open", "open", "freeze", "wake", "wake"]),
  events(8, "guard", ["exchange"], once, fc.nat(2)),
  events(6, "guard", ["load", "land"], once, fc.nat(2)),
  events(6, "guard", ["ping", "up", "write", "down"], several(3), fc.nat(2)),
  events(2, "guard", ["connect", "wake", "notice"], once, fc.nat(2)),
  events(1, "guard", ["break", "detect", "release", "freeze"], once, fc.nat(2)),
  // A stopped instance never has guards again, so a stop is rare.
  events(1, "instance", ["stop", ...Array<string>(20).fill("deliver")]),
);
const histories = fc.array(event, { minLength: 60, maxLength: 300, size: "max" });

/** A guard whose stream works asks for a grant, and reads what its instance sends. */
async function exchange(world: ReturnType<typeof simulateGuards>, at: number): Promise<void> {
  for (const kind of ["connect", "ping", "up", "up", "write", "down", "write", "down"]) {
    world.actGuard(kind, at, at % 2);
    if (kind === "write") await vi.advanceTimersByTimeAsync(0);
  }
}

/** Any history, with the real protocol or with a broken part. */
function property(parts: SimulatedParts, onServed: (count: number) => void = () => {}) {
  return fc.asyncProperty(histories, async (history) => {
    const world = simulateGuards(parts);
    for (const action of history) {
      if (action.kind === "time") {
        world.heartbeat();
        await vi.advanceTimersByTimeAsync(action.count);
      } else if (action.kind === "exchange") await exchange(world, action.at);
      else {
        const act = action.of === "guard" ? world.actGuard : world.act;
        for (let i = 0; i < action.count; i++) act(action.kind, action.at, action.pick);
        await vi.advanceTimersByTimeAsync(0);
      }
      onServed(world.served());
      world.check();
    }
    // Every change settles in the end, even if instances and guards are gone.
    await vi.advanceTimersByTimeAsync(leaseMs + marginMs + 1);
    expect(world.unsettled()).toBe(0);
  });
}

test("no instance and no guard serves a version from before a settled change, whatever happens", async () => {
  let served = 0;
  const numRuns = runs(80, 50);
  await fc.assert(
    property(realParts, (count) => {
      served += count;
    }),
    { numRuns },
  );
  // About twelve for each history.
  expect(served).toBeGreaterThan(5 * numRuns);
});

test("the search finds a violation if a change waits for no guard", async () => {
  const createDeaf: SimulatedParts["createWatchers"] = (deps) => ({
    ...createWatchers(deps),
    whenApplied: (_accounts, applied) => applied(),
  });
  const parts = { ...realParts, createWatchers: createDeaf };
  const found = await fc.check(property(parts), { numRuns: 500, endOnFailure: true });
  expect(found.failed).toBe(true);
  expect(String(found.errorInstance)).toContain("greater than or equal");
});

type World = ReturnType<typeof simulateGuards>;

/** The first instance makes all changes. Guards watch the second one, and each serves a version of its account. */
async function guardsAtSecond(parts: SimulatedParts): Promise<World> {
  const world = simulateGuards(parts);
  // The feeds become older than any lease.
  for (let ms = 0; ms < leaseMs + marginMs; ms += 100) {
    world.heartbeat();
    deliver(world, 0, 1);
    await vi.advanceTimersByTimeAsync(100);
  }
  for (const guard of [0, 1]) {
    world.actGuard("connect", guard, 1);
    await exchange(world, guard);
    world.actGuard("load", guard, 1);
    world.actGuard("land", guard, 1);
  }
  expect(world.served()).toBe(2);
  return world;
}

function deliver(world: World, ...instances: number[]): void {
  for (let i = 0; i < 20; i++) for (const at of instances) world.act("deliver", at, 0);
}

/** Single steps that a broken part does not survive. The guard of the first account reads nothing. */
const steps: Record<string, { parts: Partial<SimulatedParts>; run(world: World): Promise<void> }> = {
  "a grant is a fresh lease": {
    parts: {
      createWatchers: (deps) =>
        createWatchers({
          ...deps,
          held() {
            const lease = deps.held();
            return lease && { ...lease, until: deps.clock.monotonic() + leaseMs };
          },
        }),
    },
    async run(world) {
      // The second instance no longer reads the feed. Its lease ends, and so do its grants.
      await vi.advanceTimersByTimeAsync(leaseMs - 200);
      await exchange(world, 0);
      world.act("change", 0, 0);
      for (let ms = 0; ms < leaseMs + marginMs; ms += 50) {
        deliver(world, 0);
        await vi.advanceTimersByTimeAsync(50);
        world.check();
      }
    },
  },
  "a stream that ends also ends its grants": {
    parts: {
      createWatchers(deps) {
        const watchers = createWatchers(deps);
        return {
          ...watchers,
          open(account) {
            const watcher = watchers.open(account);
            const close = () => {
              watcher.release();
              watcher.close();
            };
            return { ...watcher, close };
          },
        };
      },
    },
    async run(world) {
      world.actGuard("break", 0, 1);
      world.actGuard("detect", 0, 1);
      world.act("change", 0, 0);
      deliver(world, 1, 0);
    },
  },
  "every acknowledgement is cumulative": {
    parts: {
      createAckOrder: (onDue) => ({
        ...createAckOrder(onDue),
        received: (instance, change) => () => onDue(instance, { upTo: change }),
      }),
    },
    async run(world) {
      for (const account of [0, 1]) world.act("change", 0, account);
      deliver(world, 1);
      await exchange(world, 1);
      await exchange(world, 1);
      deliver(world, 0);
    },
  },
  "acknowledgements are cumulative although change markers were missed": {
    parts: { createAckOrder: (onDue) => ({ ...createAckOrder(onDue), hold: () => () => {} }) },
    async run(world) {
      world.act("lose", 1, 0);
      world.act("change", 0, 0);
      world.act("open", 1, 0);
      world.act("change", 0, 1);
      deliver(world, 1);
      await exchange(world, 1);
      await exchange(world, 1);
      deliver(world, 0);
    },
  },
};

test.each(Object.entries(steps))("%s: the simulation finds that broken part", async (_, { parts, run }) => {
  async function violation(used: SimulatedParts): Promise<unknown> {
    const world = await guardsAtSecond(used);
    try {
      await run(world);
      await vi.advanceTimersByTimeAsync(0);
      world.check();
      return undefined;
    } catch (error) {
      return error;
    }
  }
  expect(await violation(realParts)).toBeUndefined();
  expect(String(await violation({ ...realParts, ...parts }))).toContain("greater than or equal");
});
