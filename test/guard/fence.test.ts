import { beforeAll, expect, test } from "vitest";
import type { GuardParts } from "../../src/guard/create-guard.ts";
import { productionGuardParts } from "../../src/guard/create-guard.ts";
import type { GuardVerdict } from "../../src/guard/types.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { brokenGuards } from "../support/guard/broken-guards.ts";
import { openGuard, verifierOf } from "../support/guard/guard.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let owner: Owner;
let verifier: string;
beforeAll(async () => {
  owner = await app.newAccount();
  verifier = await verifierOf(owner);
});

/** Revokes a key while the statement of a guard's call has its rows, but no response. Returns the verdicts after that. */
async function revokeDuringCall(parts: GuardParts): Promise<{ during: GuardVerdict; after: GuardVerdict }> {
  const guard = await openGuard(app, verifier, {}, parts);
  const { id, token } = await issueKey(owner);
  // The guard has a lease, and the server has the guard's bearer in its cache.
  const warm = await issueKey(owner);
  await expect.poll(async () => (await guard.verify(warm.token)).source, { interval: 5 }).toBe("cache");
  const held = app.holdResultOf(/with here as materialized/);
  const call = guard.verify(token);
  await held.answered;
  await owner.apiKeys.revokeApiKey({ id });
  held.release();
  const during = await call;
  return { during, after: await guard.verify(token) };
}

test("a response that a change overtook is given once, and not kept", async () => {
  for (let times = 0; times < 3; times++) {
    const { during, after } = await revokeDuringCall(productionGuardParts);
    // It began before the revocation, so it may have either result.
    expect(during).toMatchObject({ valid: true, source: "server" });
    expect(after).toMatchObject({ reason: "REVOKED_API_KEY", source: "server" });
  }
});

test.each(Object.entries(brokenGuards))("the same test detects a guard that %s", async (_, parts) => {
  const late = async () => (await revokeDuringCall(parts)).after;
  // A busy machine may cost the guard its lease, and then it keeps nothing.
  await expect.poll(late, { timeout: 20_000, interval: 5 }).toMatchObject({ valid: true, source: "cache" });
});
