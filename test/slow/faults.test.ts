import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { alterCopy } from "../../bench/altered.ts";
import { breakages } from "../../chaos/broken.ts";
import { type Fault, faults } from "../../chaos/faults.ts";
import { weather } from "../../chaos/storm.ts";

const root = join(import.meta.dirname, "..", "..");
const leaseMs = 1_000;

test("whatever breaks, nothing that begins after a revocation returned accepts the key, and none hangs", async () => {
  const seen = await weather({
    root,
    instances: 3,
    revocations: 3_000,
    maxSeconds: 20,
    faults: Object.keys(faults) as Fault[],
    longestMs: 4_000,
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
  const seen = await weather({
    root: copy,
    instances: 2,
    revocations: 1_000,
    maxSeconds: 10,
    faults: breakage.faults,
    longestMs: 4_000,
  });
  expect(seen.late).toBeGreaterThan(0);
});
