import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { beforeAll, expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { openGuard, type TestGuard, verifierOf } from "../support/guard/guard.ts";

const app = useApp();
let owner: Owner;
let guard: TestGuard;
beforeAll(async () => {
  owner = await app.newAccount();
});

// More than the guard has slots and places in its queue.
const flooding = 2_500;

// Verifies invented tokens of the right form from one network. Returns how many verifications are still in flight.
function flood(clientAddress: string | undefined) {
  let left = flooding;
  const all = Array.from({ length: flooding }, async () => {
    const { token } = mintToken("lk", "live", newId("key"));
    const verdict = await guard.verify(token, { clientAddress });
    left -= 1;
    expect(["INVALID_API_KEY", "UNAVAILABLE"]).toContain(verdict.reason);
  });
  return { left: () => left, ended: Promise.all(all) };
}

// A guard gives up after two seconds. On a busy machine, no server answers so many calls in this time, so a test repeats its flood.
const patience = { timeout: 40_000, interval: 0 };

/** Verifies a token during a flood. Returns whether it was valid before the flood had ended. */
async function isVerifiedDuring({ left, ended }: ReturnType<typeof flood>, token: string, address?: string) {
  const { valid } = await guard.verify(token, { clientAddress: address });
  const inTime = left() > flooding / 4;
  await ended;
  return valid && inTime;
}

test("behind a flood of invented tokens, a guard verifies a token that it has never seen, if its client has another network", async () => {
  guard = await openGuard(app, await verifierOf(owner));
  const verified = async () => {
    const { token } = await issueKey(owner);
    return isVerifiedDuring(flood("192.0.2.1"), token, "198.51.100.7");
  };
  await expect.poll(verified, patience).toBe(true);
});

test("a flood of invented tokens does not delay a token that was valid before and whose verification is a call each time", async () => {
  guard = await openGuard(app, await verifierOf(owner));
  const rateLimits = [{ name: "calls", limit: 100, period: durationFromMs(60_000) }];
  const { token } = await issueKey(owner, { spec: { rateLimits } });
  expect(await guard.verify(token)).toMatchObject({ valid: true });
  await expect.poll(() => isVerifiedDuring(flood(undefined), token), patience).toBe(true);
});
