import fc from "fast-check";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { leaseMs } from "../../src/verify/coherence/lease.ts";
import { productionParts, type SimulationParts, simulateGuard } from "../support/guard/simulation.ts";
import { long } from "../support/long.ts";

beforeEach(
  () =>
    void vi.useFakeTimers({
      toFake: ["performance", "setTimeout", "clearTimeout", "setInterval", "clearInterval"],
    }),
);
afterEach(() => void vi.useRealTimers());

// Steps that make an entry likely come more often.
const names = fc.constantFrom(
  ...["change", "heartbeat", "readFeed", "readFeed", "readFeed", "ping", "toGuard", "toGuard", "toGuard"],
  ...["toInstance", "toInstance", "call", "statement", "response", "wait"],
);
const faults = fc.constantFrom("breakStream", "reopen", "loseFeed", "promote");
const argument = fc.oneof({ weight: 5, arbitrary: fc.nat(40) }, { weight: 1, arbitrary: fc.nat(leaseMs) });
const step = fc.tuple(fc.oneof({ weight: 20, arbitrary: names }, { weight: 1, arbitrary: faults }), argument);
const steps = fc.array(step, { minLength: 20, maxLength: 120, size: "max" });

// A guard that has an entry and a lease, so that the random steps begin with something to lose.
const warm: [string, number][] = [
  ...["heartbeat", "readFeed", "ping", "toInstance", "toGuard", "call", "statement", "response"].map(
    (name): [string, number] => [name, 0],
  ),
];

type Step = [name: string, argument: number];

/** Runs the steps, and checks after each of them. Returns how often the guard answered from its cache. */
async function play(parts: SimulationParts, steps: readonly Step[]): Promise<number> {
  vi.clearAllTimers();
  const world = simulateGuard(parts);
  let accepted = 0;
  for (const [name, n] of steps) {
    await world.act(name, n);
    accepted += world.check();
  }
  return accepted;
}

function property(parts: SimulationParts, onAccepted: (count: number) => void = () => undefined) {
  return fc.asyncProperty(steps, async (random) => onAccepted(await play(parts, [...warm, ...random])));
}

test("a guard never answers from its cache with what a change replaced before it returned", async () => {
  let accepted = 0;
  await fc.assert(
    property(productionParts, (count) => {
      accepted += count;
    }),
    { numRuns: long ? 20_000 : 1_000 },
  );
  // The property proves something only if the guard often answers from its cache.
  expect(accepted).toBeGreaterThan(10_000);
});

const broken: Record<string, Partial<SimulationParts>> = {
  "keeps a response although its key was invalidated while the call was under way": {
    cache: (inner) => ({
      ...inner,
      begin: () => ({ keep: (key, kept) => inner.begin().keep(key, kept), end: () => undefined }),
    }),
  },
  "counts a grant from its arrival": {
    coherence: (inner) => ({
      ...inner,
      granted: (grant) => inner.granted({ ...grant, number: inner.ping() }),
    }),
  },
  "treats every grant as a whole lease": {
    coherence: (inner) => ({
      ...inner,
      granted: (grant) => inner.granted({ ...grant, leftMs: grant.leftMs > 0 ? leaseMs : 0 }),
    }),
  },
  "keeps its entries when its stream ends": {
    coherence: (inner) => ({ ...inner, lost: () => undefined }),
  },
  "acknowledges before it has applied": { acknowledgesEarly: true },
  "is forgotten when its stream is closed": { closeEndsGrant: true },
};

test.each(Object.entries(broken))("the simulation detects a guard that %s", async (_, parts) => {
  const details = await fc.check(property({ ...productionParts, ...parts }), {
    numRuns: 20_000,
    endOnFailure: true,
  });
  expect(details.failed).toBe(true);
});

test("a guard keeps nothing that comes from an orphaned primary", async () => {
  const renewal: Step[] = ["heartbeat", "readFeed", "ping", "toInstance", "toGuard"].map((name) => [name, 0]);
  const steps: Step[] = [
    ["promote", 0],
    ...renewal,
    // The guard applies a change that the orphaned primary does not show.
    ["change", 0],
    ...["readFeed", "readFeed", "toGuard", "toInstance", "toGuard"].map((name): Step => [name, 0]),
    ["call", 0],
    ["statement", 1],
    ["response", 0],
    // The change returns while the guard has a lease.
    ...Array.from({ length: 6 }, (): Step[] => [["wait", 200], ...renewal]).flat(),
  ];
  expect(await play(productionParts, steps)).toBe(0);
  const coherence: SimulationParts["coherence"] = (inner) => ({ ...inner, isCurrent: () => true });
  await expect(play({ ...productionParts, coherence }, steps)).rejects.toThrow("key_0");
});
