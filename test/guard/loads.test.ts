import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { PrincipalKind } from "../../gen/latchkey/v1/principal_pb.ts";
import {
  VerifyTokenRequestSchema,
  VerifyTokenResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { createGuardCoherence } from "../../src/guard/coherence.ts";
import { createGuardCache } from "../../src/guard/guard-cache.ts";
import type { CachedVerdict } from "../../src/guard/kept.ts";
import { createLoads } from "../../src/guard/loads.ts";
import { leaseMs } from "../../src/verify/coherence/lease.ts";

function createClock() {
  const clock = { now: 0, monotonic: () => clock.now, wall: () => clock.now };
  return clock;
}

const grantOf = (number: number, leftMs: number) => ({
  number,
  leftMs,
  databaseTime: 1_000,
  database: "one",
});

/** Returns how many entries a guard has after a call that this database answered. */
async function keptAfter(database: string, isLeased: () => boolean): Promise<number> {
  const cache = createGuardCache<CachedVerdict>(10);
  const principal = { kind: PrincipalKind.APPLICATION_KEY, keyId: "key_1", accountId: "acct_1" };
  const response = create(VerifyTokenResponseSchema, {
    valid: true,
    verdict: Verdict.VALID,
    principal,
    database,
  });
  const loads = createLoads({
    cache,
    coherence: {
      time: () => (isLeased() ? 1_000 : undefined),
      isCurrent: (name) => name === "one",
    },
    calls: {
      async verify(_request, _known, onSent) {
        onSent();
        return { response };
      },
      close: () => undefined,
    },
    counts: { calls: 0 },
  });
  const request = create(VerifyTokenRequestSchema, { token: "token", fresh: true });
  const verdict = await loads.verify({
    key: "key",
    digest: "digest",
    form: { kind: "key", id: "key_1" },
    request,
  });
  expect(verdict.valid).toBe(true);
  return cache.size();
}

test("a guard keeps a response of the database server whose changes it receives, and of no other", async () => {
  expect(await keptAfter("one", () => true)).toBe(1);
  expect(await keptAfter("two", () => true)).toBe(0);
  expect(await keptAfter("", () => true)).toBe(0);
});

test("a guard keeps no response to a call that it sent without a lease, although it has one later", async () => {
  let asked = 0;
  expect(await keptAfter("one", () => asked++ > 0)).toBe(0);
});

test("an invalidation of everything ends the lease of a guard", () => {
  const clock = createClock();
  const coherence = createGuardCoherence(clock, () => undefined);
  coherence.granted(grantOf(coherence.ping(), leaseMs));
  expect(coherence.time()).toBeDefined();
  coherence.invalidated(["*"]);
  expect(coherence.time()).toBeUndefined();
});

test("a grant is no longer than a lease, whatever the server says", () => {
  const clock = createClock();
  const coherence = createGuardCoherence(clock, () => undefined);
  coherence.granted(grantOf(coherence.ping(), 10 * leaseMs));
  clock.now = leaseMs - 1;
  expect(coherence.time()).toBeDefined();
  clock.now = leaseMs + 1;
  expect(coherence.time()).toBeUndefined();
});
