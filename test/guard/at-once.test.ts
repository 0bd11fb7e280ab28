import { expect, test } from "vitest";
import { verifyAtOnce, verifyOf } from "../../src/guard/at-once.ts";
import { createGate } from "../../src/guard/gate.ts";
import { accepted, createFakeGuard, refusedFor } from "../support/guard/fake-guard.ts";

const verdict = accepted(["*"]);
const guard = { ...createFakeGuard({}), verify: verifyOf(() => verdict) };

test("a gate decides at once if the guard has the verdict, and otherwise with a promise", async () => {
  expect(createGate(guard)({}, "Bearer known")).toEqual({ access: verdict });
  const slow = { ...guard, verify: verifyOf(() => Promise.resolve(verdict)) };
  const decision = createGate(slow)({}, "Bearer known");
  expect(decision).toBeInstanceOf(Promise);
  expect(await decision).toEqual({ access: verdict });
});

test("a caller of `verify` always gets a promise", async () => {
  const promise = guard.verify("known");
  expect(promise).toBeInstanceOf(Promise);
  expect(await promise).toBe(verdict);
});

test("a service that replaces `verify` replaces it for its gates too", async () => {
  const stricter = { ...guard, verify: async () => refusedFor("REVOKED_API_KEY") };
  expect(await verifyAtOnce(stricter, "known", undefined)).toMatchObject({ reason: "REVOKED_API_KEY" });
  expect(await createGate(stricter)({}, "Bearer known")).toMatchObject({ refusal: { status: 401 } });
});
