import { setTimeout } from "node:timers/promises";
import { durationFromMs, timestampFromDate } from "@bufbuild/protobuf/wkt";
import { beforeAll, describe, expect, test } from "vitest";
import type { Requirements } from "../../src/guard/types.ts";
import { type Clients, issueKey, newWorkspace, type Owner, startBeside, useApp } from "../support/app.ts";
import { openGuard, type TestGuard, verifierOf } from "../support/guard/guard.ts";
import { long } from "../support/long.ts";

const app = useApp();
let owner: Owner;
let platform: Clients;
let guard: TestGuard;
beforeAll(async () => {
  owner = await app.newAccount();
  platform = app.clientAs(app.platformToken);
});

async function readyGuard(token?: string): Promise<TestGuard> {
  const opened = await openGuard(app, token ?? (await verifierOf(owner)));
  expect(await opened.ready()).toBe(true);
  return opened;
}

const rounds = long ? 5 : 2;
const newKey = (permissions = ["runs:start"]) => issueKey(owner, { spec: { permissions } });

/** Verifies a token until the guard answers from its cache. A busy machine may cost it a lease. */
async function cached(one: TestGuard, token: string, required?: Requirements): Promise<void> {
  await expect.poll(async () => (await one.verify(token, required)).source, { interval: 5 }).toBe("cache");
}

describe("the cache of a guard", () => {
  test("answers the second verification, with the same principal", async () => {
    guard = await readyGuard();
    const { token, id } = await newKey();
    const first = await guard.verify(token);
    let calls = 0;
    const again = async () => {
      ({ calls } = guard.state());
      return guard.verify(token);
    };
    // A busy machine may cost the guard its lease.
    await expect.poll(again, { interval: 5 }).toEqual({ ...first, source: "cache" });
    expect(first.principal?.keyId).toBe(id);
    expect(guard.state().calls).toBe(calls);
  });

  test("keeps a verdict per requirements, and no refusal", async () => {
    guard = await readyGuard();
    const { token } = await newKey();
    await cached(guard, token, { permissions: ["runs:start"] });
    for (let times = 0; times < 3; times++) {
      const refusal = await guard.verify(token, { permissions: ["runs:start", "runs:stop"] });
      expect(refusal).toMatchObject({ reason: "PERMISSION_DENIED", source: "server" });
    }
    expect(await guard.verify(token, { environment: "test" })).toMatchObject({ valid: false });
    expect(await guard.verify(token, { cost: 0 })).toMatchObject({ valid: true, source: "server" });
  });

  test("keeps nothing of sessions", async () => {
    guard = await readyGuard();
    const { email } = owner;
    const { token } = await owner.sessions.logIn({ email, password: "correct horse battery staple" });
    for (let times = 0; times < 3; times++) {
      expect(await guard.verify(token)).toMatchObject({ valid: true, source: "server" });
    }
  });

  test("keeps nothing of a key with rate limits, so that each verification counts", async () => {
    guard = await readyGuard();
    const rateLimits = [{ name: "calls", limit: 3, period: durationFromMs(3_600_000) }];
    const { token } = await issueKey(owner, { spec: { rateLimits } });
    const verdicts = await Promise.all(Array.from({ length: 5 }, () => guard.verify(token)));
    expect(verdicts.filter(({ valid }) => valid)).toHaveLength(3);
    const refused = await guard.verify(token);
    expect(refused).toMatchObject({ reason: "RATE_LIMITED", rateLimit: { name: "calls", remaining: 0 } });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
  });

  test("keeps nothing of a key with credits, and forgets a key that gets some", async () => {
    guard = await readyGuard();
    const { token, id } = await newKey();
    await cached(guard, token);
    await platform.accounts.setCredits({
      accountId: owner.account.metadata?.id ?? "",
      keyId: id,
      credits: { remaining: 2 },
    });
    const verdicts = [await guard.verify(token), await guard.verify(token), await guard.verify(token)];
    expect(verdicts.map(({ reason }) => reason)).toEqual(["VALID", "VALID", "QUOTA_EXCEEDED"]);
    expect(verdicts[0]).toMatchObject({ credits: { remaining: 1 }, source: "server" });
  });
});

describe("a guard", () => {
  test("accepts no token that has expired", async () => {
    guard = await readyGuard();
    const acceptedFromCache = async () => {
      const endsAt = Date.now() + 800;
      const { token } = await issueKey(owner, { spec: { expiresAt: timestampFromDate(new Date(endsAt)) } });
      let accepted = 0;
      for (;;) {
        const startedAt = Date.now();
        const verdict = await guard.verify(token);
        if (!verdict.valid) {
          expect(verdict.reason).toBe("EXPIRED_API_KEY");
          return accepted;
        }
        // Postgres runs on this machine, so both have one clock.
        expect(startedAt).toBeLessThan(endsAt);
        accepted += verdict.source === "cache" ? 1 : 0;
        // The last moments before the end count.
        await setTimeout(endsAt - Date.now() > 50 ? 5 : 0);
      }
    };
    // A busy machine may cost the guard its lease while the key lives.
    await expect.poll(acceptedFromCache).toBeGreaterThan(0);
  });

  test("makes one call for many verifications of a key at the same time", async () => {
    guard = await readyGuard();
    const callsOfMany = async () => {
      const { token } = await newKey();
      const { calls } = guard.state();
      const verdicts = await Promise.all(Array.from({ length: 50 }, () => guard.verify(token)));
      expect(verdicts.every(({ valid }) => valid)).toBe(true);
      return guard.state().calls - calls;
    };
    // Without a lease, each verification is a call. A busy machine may cost the guard its lease.
    await expect.poll(callsOfMany, { interval: 5 }).toBe(1);
  });
});

describe("when a change returns, no later verification of a guard accepts what it ended", () => {
  const changes: Record<string, (key: { id: string; token: string }) => Promise<unknown>> = {
    RevokeApiKey: ({ id }) => owner.apiKeys.revokeApiKey({ id }),
    DisableApiKey: ({ id }) => owner.apiKeys.disableApiKey({ id }),
    RotateApiKey: ({ id }) => owner.apiKeys.rotateApiKey({ id }),
    RevokeToken: ({ token }) => owner.tokens.revokeToken({ token }),
    "UpdateApiKey of its permissions": ({ id }) =>
      owner.apiKeys.updateApiKey({
        id,
        spec: { permissions: ["runs:read"] },
        updateMask: { paths: ["spec.permissions"] },
      }),
  };

  test.each(Object.keys(changes))("%s", async (name) => {
    guard = await readyGuard();
    const beside = await readyGuard(app.platformToken);
    for (let times = 0; times < rounds; times++) {
      const key = await newKey();
      const required = { permissions: ["runs:start"] };
      await Promise.all([cached(guard, key.token, required), cached(beside, key.token, required)]);
      await changes[name]?.(key);
      for (const one of [guard, beside]) {
        expect(await one.verify(key.token, required)).toMatchObject({ valid: false });
      }
    }
  });

  test("RemoveApiKeyWorkspace and ArchiveWorkspace", async () => {
    guard = await readyGuard();
    const [removed, archived] = [await newWorkspace(owner), await newWorkspace(owner, "another one")];
    const { id, token } = await issueKey(owner, { initialWorkspaceIds: [removed, archived] });
    for (const workspaceId of [removed, archived]) await cached(guard, token, { workspaceId });
    await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId: removed });
    expect(await guard.verify(token, { workspaceId: removed })).toMatchObject({
      reason: "WORKSPACE_FORBIDDEN",
    });
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    expect(await guard.verify(token, { workspaceId: archived })).toMatchObject({
      reason: "WORKSPACE_ARCHIVED",
    });
  });

  test("SuspendAccount", async () => {
    const other = await app.newAccount();
    const beside = await readyGuard(app.platformToken);
    const { token } = await issueKey(other);
    await cached(beside, token);
    await platform.accounts.suspendAccount({ accountId: other.account.metadata?.id ?? "" });
    expect(await beside.verify(token)).toMatchObject({ reason: "ACCOUNT_SUSPENDED" });
  });

  test("a revocation through another instance", async () => {
    guard = await readyGuard();
    const { app: second, end } = await startBeside(app);
    const { token: bearer } = await issueKey(owner, { spec: { permissions: ["api_keys:manage"] } });
    const { apiKeys } = second.clientAs(bearer);
    for (let times = 0; times < rounds; times++) {
      const { id, token } = await newKey([]);
      await cached(guard, token);
      await apiKeys.revokeApiKey({ id });
      expect(await guard.verify(token)).toMatchObject({ reason: "REVOKED_API_KEY" });
    }
    await end();
  });
});
