import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, inject, onTestFinished, test, vi } from "vitest";
import { alterCopy } from "../../bench/altered.ts";
import { breakages } from "../../chaos/broken.ts";
import { type Fault, faults } from "../../chaos/faults.ts";
import { runScenario } from "../../chaos/scenario.ts";
import { leaseMs } from "../../src/verify/coherence/lease.ts";
import { long } from "../support/long.ts";
import { copyCluster } from "../support/server/data-directory.ts";
import { scratchDirectory } from "../support/server/scratch.ts";

const root = join(import.meta.dirname, "..", "..");

beforeEach(() => void vi.stubEnv("NODE_COMPILE_CACHE", inject("compileCache")));
afterEach(() => void vi.unstubAllEnvs());

/** A data directory on which `initdb` has run. The storm removes it. */
function newDataDir(): string {
  const directory = scratchDirectory("storm");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  const dataDir = join(directory, "data");
  copyCluster(dataDir);
  return dataDir;
}

// Every instance has the lease of production.
test("whatever breaks, nothing that begins after a revocation returned accepts the key, and none hangs", async () => {
  const seen = await runScenario({
    root,
    instances: 3,
    revocations: 3_000,
    maxSeconds: long ? 60 : 12,
    faults: Object.keys(faults) as Fault[],
    longestMs: 4_000,
    dataDir: newDataDir(),
  });
  expect(seen).toMatchObject({ late: 0 });
  expect(seen.revoked).toBeGreaterThan(20);
  // The lease and a second; the rest is for a machine that does other things as well.
  expect(seen.slowestUntouched).toBeLessThan(2 * leaseMs + 1_000);
});

test("what is late is seen: where a revocation waits for nobody else, it is", async () => {
  const breakage = breakages["only oneself is waited for"];
  if (!breakage) throw new Error("there is no such breakage");
  const copy = alterCopy(root, [breakage]);
  onTestFinished(() => rmSync(copy, { recursive: true, force: true }));
  const seen = await runScenario({
    root: copy,
    instances: 2,
    revocations: 1_000,
    maxSeconds: 20,
    faults: breakage.faults,
    longestMs: 4_000,
    untilLate: true,
    dataDir: newDataDir(),
  });
  expect(seen.late).toBeGreaterThan(0);
});
