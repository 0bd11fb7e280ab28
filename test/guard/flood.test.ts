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

test("behind a flood of invented tokens, a guard verifies a token that it has never seen, if its client has another network", async () => {
  guard = await openGuard(app, await verifierOf(owner));
  const { id, token } = await issueKey(owner);
  const { left, ended } = flood("192.0.2.1");
  const verdict = await guard.verify(token, { clientAddress: "198.51.100.7" });
  expect(verdict).toMatchObject({ valid: true, principal: { keyId: id } });
  expect(left()).toBeGreaterThan(flooding / 4);
  await ended;
});

test("a flood of invented tokens does not delay a token that was valid before and whose verification is a call each time", async () => {
  guard = await openGuard(app, await verifierOf(owner));
  const rateLimits = [{ name: "calls", limit: 100, period: durationFromMs(60_000) }];
  const { token } = await issueKey(owner, { spec: { rateLimits } });
  expect(await guard.verify(token)).toMatchObject({ valid: true });
  const { left, ended } = flood(undefined);
  expect(await guard.verify(token)).toMatchObject({ valid: true, source: "server" });
  expect(left()).toBeGreaterThan(flooding / 4);
  await ended;
});
