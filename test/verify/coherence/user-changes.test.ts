import { beforeAll, describe, expect, test } from "vitest";
import { leaseMs } from "../../../src/verify/coherence/lease.ts";
import { logIn, newSession } from "../../support/actors/actors.ts";
import { rotate } from "../../support/actors/api-key.ts";
import {
  newPassword,
  newTwoSessions,
  sessionEnds,
  type TwoSessions,
} from "../../support/actors/session-ends.ts";
import { issueKey, type Owner, password, useApp } from "../../support/app.ts";
import { openRawGuard } from "../../support/coherence/raw-guard.ts";
import { openAppPort, verifierOf } from "../../support/guard/guard.ts";

// These tests compare the time of a change with the lease, so they use the production lease.
const app = useApp({}, { leaseMs });
const soon = leaseMs / 2;
let elsewhere: Owner;
let verifier: string;
beforeAll(async () => {
  elsewhere = await app.newAccount();
  verifier = await verifierOf(elsewhere);
  // The feed is then older than any lease, so that changes do not wait for unknown instances.
  const { id } = await issueKey(elsewhere);
  while ((await durationOf(elsewhere.apiKeys.disableApiKey({ id }))) > soon);
});

async function durationOf(call: Promise<unknown>): Promise<number> {
  const start = performance.now();
  await call;
  return performance.now() - start;
}

// Opens a guard that acknowledges nothing and has a grant of nearly a whole lease.
async function openSilentGuard(token: string) {
  const guard = openRawGuard(await openAppPort(app), token);
  const pingedAt = performance.now();
  const left = await guard.ping();
  expect(left).toBeGreaterThan(soon);
  return { ...guard, grantedUntil: pingedAt + left };
}

type SilentGuard = Awaited<ReturnType<typeof openSilentGuard>>;

// Lets a change of the other account wait for a silent guard of that account. Returns how long it waits.
async function delayElsewhere(): Promise<{ delayed: Promise<number> }> {
  const { id } = await issueKey(elsewhere);
  const guard = await openSilentGuard(verifier);
  const delayed = durationOf(elsewhere.apiKeys.revokeApiKey({ id }));
  await guard.received(id);
  return { delayed };
}

/** A session that made a grace period in its account, and the key of that grace period. */
async function newGrace() {
  const owner = await app.newAccount();
  const sessions = await newTwoSessions(app, owner, "admin");
  const { id } = await issueKey(owner);
  await rotate(sessions.maker, id, 3_600);
  return { owner, sessions, id };
}

// Makes a second call while the first one waits for a guard of the key. Neither returns before the guard acknowledges.
async function expectToWait(guard: SilentGuard, id: string, first: Promise<unknown>, call: () => unknown) {
  let returned = 0;
  const count = () => {
    returned += 1;
  };
  const counted = [first.then(count)];
  await guard.received(id);
  counted.push(Promise.resolve(call()).then(count));
  await Promise.race([...counted, new Promise((resolve) => setTimeout(resolve, soon / 2))]);
  // On a busy machine, the grant may have ended meanwhile.
  if (performance.now() < guard.grantedUntil) expect(returned).toBe(0);
  guard.acknowledge();
  await Promise.all(counted);
}

test("a silent guard of another account delays no change of a user", { timeout: 20_000 }, async () => {
  const [{ email }, warm] = await Promise.all([app.newAccount(), app.newAccount()]);
  const { maker, other } = await newTwoSessions(app, await app.newAccount(), "viewer");
  for (let count = 0; count < 100; count++) await newSession(app, email);
  const changes: Record<string, () => Promise<unknown>> = {
    SignUp: () => app.newAccount(),
    "LogIn, which ends the oldest session": () => logIn(app, email),
    LogOut: () => other.sessions.logOut({}),
    DeleteUser: () => maker.sessions.deleteUser({ password }),
  };
  for (const [how, end] of Object.entries(sessionEnds)) {
    const { sessions } = await newGrace();
    changes[`a session ${how}`] = () => end(app, sessions);
  }
  // The first estimate of a password is slow.
  await warm.sessions.changePassword({ oldPassword: password, newPassword });
  const before = await expiredWaits();
  const { delayed } = await delayElsewhere();
  await Promise.all(Object.values(changes).map((change) => change()));
  expect(await delayed).toBeGreaterThan(soon);
  // Only the change of the other account has waited until the grant of the guard ended.
  expect(await expiredWaits()).toBe(before + 1);
});

async function expiredWaits(): Promise<number> {
  const { body } = await app.metrics.render();
  const [, count = "0"] = /^latchkey_guard_wait_seconds_count\{outcome="expired"\} (\d+)$/m.exec(body) ?? [];
  return Number(count);
}

describe("a call that finds a part of its work already done waits until the guards have applied that", () => {
  const repeats: Record<string, (sessions: TwoSessions) => Promise<unknown>> = {
    RevokeSession: ({ other, sessionId }) => other.sessions.revokeSession({ id: sessionId }),
    "RevokeSession of all others": ({ other }) => other.sessions.revokeSession({ allOthers: true }),
    RevokeToken: ({ maker }) => app.clientAs("").tokens.revokeToken({ token: maker.token }),
    ChangePassword: ({ other }) =>
      other.sessions.changePassword({ oldPassword: password, newPassword: `${newPassword}!` }),
  };

  test.each(Object.keys(repeats))("%s", async (name) => {
    const { owner, sessions, id } = await newGrace();
    const guard = await openSilentGuard(await verifierOf(owner));
    const first = sessions.other.sessions.revokeSession({ id: sessions.sessionId });
    await expectToWait(guard, id, first, () => repeats[name]?.(sessions));
  });

  test("UpdateApiKey, also if it changes something else that no verdict depends on", async () => {
    const owner = await app.newAccount();
    const { id } = await issueKey(owner, { spec: { permissions: ["runs:manage"] } });
    const guard = await openSilentGuard(await verifierOf(owner));
    const narrow = (description: string) =>
      owner.apiKeys.updateApiKey({
        id,
        spec: { permissions: ["runs:read"], description },
        updateMask: { paths: ["spec.permissions", "spec.description"] },
      });
    await expectToWait(guard, id, narrow("first"), () => narrow("second"));
  });

  test("RevokeSession of a person who was just removed from the account", async () => {
    const { owner, sessions, id } = await newGrace();
    const guard = await openSilentGuard(await verifierOf(owner));
    const first = owner.profiles.removeProfile({ id: sessions.maker.profileId });
    const { other, sessionId } = sessions;
    await expectToWait(guard, id, first, () => other.sessions.revokeSession({ id: sessionId }));
  });
});
