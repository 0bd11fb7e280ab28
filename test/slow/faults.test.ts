import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, inject, type TestContext, test, vi } from "vitest";
import { breakages } from "../../chaos/broken.ts";
import { type Fault, faults, type GuardFault, guardFaults } from "../../chaos/faults.ts";
import { runScenario } from "../../chaos/scenario.ts";
import { leaseMs } from "../../src/verify/coherence/lease.ts";
import { long } from "../support/long.ts";
import { copyCluster } from "../support/server/data-directory.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

const programs = inject("programs");
beforeAll(() => void vi.stubEnv("NODE_COMPILE_CACHE", inject("compileCache")));
afterAll(() => void vi.unstubAllEnvs());

/** Returns a data directory on which `initdb` has run. The scenario removes it. */
function newDataDir(onTestFinished: TestContext["onTestFinished"]): string {
  const directory = scratchDirectory("scenario");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const dataDir = join(directory, "data");
  copyCluster(dataDir);
  return dataDir;
}

const least = { revoked: 20, guarded: 1 };

// Every instance has the production lease.
test("under faults, no verification that begins after a revocation returned accepts the key, and no revocation hangs", async ({
  onTestFinished,
}) => {
  const seen = await runScenario({
    programs,
    instances: 3,
    revocations: 3_000,
    maxSeconds: long ? 60 : 8,
    least,
    faults: Object.keys(faults) as Fault[],
    guards: 2,
    guardFaults: Object.keys(guardFaults) as GuardFault[],
    longestMs: 4_000,
    dataDir: newDataDir(onTestFinished),
  });
  expect(seen).toMatchObject({ late: 0 });
  expect(seen.revoked).toBeGreaterThanOrEqual(least.revoked);
  expect(seen.guarded).toBeGreaterThanOrEqual(least.guarded);
  // One lease plus one second is the promise. The second lease is for a busy machine.
  expect(seen.slowestWithoutFault).toBeLessThan(2 * leaseMs + 1_000);
});

test.concurrent.for(["a revocation waits for no other instance", "a revocation waits for no guard"])(
  "the chaos run detects servers of which this is true: %s",
  async (breakage, { expect, onTestFinished }) => {
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
      dataDir: newDataDir(onTestFinished),
    });
    expect(seen.late).toBeGreaterThan(0);
  },
);
