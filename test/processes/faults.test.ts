import { afterAll, beforeAll, expect, inject, test, vi } from "vitest";
import { breakages } from "../../chaos/broken.ts";
import { type Fault, faults, type GuardFault, guardFaults } from "../../chaos/faults.ts";
import { runScenario } from "../../chaos/scenario.ts";
import { leaseMs } from "../../src/verify/coherence/lease.ts";
import { long } from "../support/long.ts";
import { sampled } from "../support/random.ts";
import { preparePostgres } from "../support/server/data-directory.ts";

const programs = inject("programs");
beforeAll(() => void vi.stubEnv("NODE_COMPILE_CACHE", inject("compileCache")));
afterAll(() => void vi.unstubAllEnvs());

const least = { revoked: 20, guarded: 1 };

// Every instance has the production lease.
test("under faults, no verification that begins after a revocation returned accepts the key, and no revocation hangs", async () => {
  const seen = await runScenario({
    programs,
    instances: long ? 3 : 2,
    revocations: long ? 3_000 : 1_000,
    maxSeconds: long ? 60 : 4,
    pace: long ? 1 : 2.5,
    least,
    faults: Object.keys(faults) as Fault[],
    guards: 2,
    guardFaults: Object.keys(guardFaults) as GuardFault[],
    longestMs: long ? 4_000 : 2_000,
    postgres: await preparePostgres(),
  });
  expect(seen).toMatchObject({ late: 0 });
  expect(Object.keys(seen.faults).length).toBeGreaterThan(1);
  expect(seen.revoked).toBeGreaterThanOrEqual(least.revoked);
  expect(seen.guarded).toBeGreaterThanOrEqual(least.guarded);
  // One lease plus one second is the promise. The second lease is for a busy machine.
  expect(seen.slowestWithoutFault).toBeLessThan(2 * leaseMs + 1_000);
});

const broken = ["a revocation waits for no other instance", "a revocation waits for no guard"];
test.concurrent.for(sampled(broken, 1))(
  "the chaos run detects servers of which this is true: %s",
  async (breakage, { expect }) => {
    const { faults = [], guardFaults } = breakages[breakage] ?? {};
    const seen = await runScenario({
      breakage,
      programs,
      instances: 2,
      ...(guardFaults && { guards: 2, guardFaults }),
      revocations: 1_000,
      // The run ends at the first late revocation.
      maxSeconds: long ? 60 : 20,
      faults,
      longestMs: 4_000,
      untilLate: true,
      pace: 3,
      postgres: await preparePostgres(),
    });
    expect(seen.late).toBeGreaterThan(0);
  },
);
