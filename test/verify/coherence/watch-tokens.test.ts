import { createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { beforeAll, expect, test } from "vitest";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { leaseMs, marginMs } from "../../../src/verify/coherence/lease.ts";
import { issueKey, type Owner, startBeside, useApp } from "../../support/app.ts";
import { openRawGuard } from "../../support/coherence/raw-guard.ts";
import { outcome } from "../../support/errors.ts";
import { openAppPort, verifierOf } from "../../support/guard/guard.ts";

// Each test has its own account: the stream of an earlier test may have ended before its grant.
// These tests compare the time of a change with the lease, so they use the production lease.
const app = useApp({}, { leaseMs });
beforeAll(async () => {
  const owner = await app.newAccount();
  // The feed is then older than any lease, so that changes do not wait for unknown instances.
  while ((await revocationMs(owner)) > leaseMs / 2);
});

/** Returns how long the revocation of a new key takes, in milliseconds. */
async function revocationMs(by: Owner): Promise<number> {
  const { id } = await issueKey(by);
  const start = performance.now();
  await by.apiKeys.revokeApiKey({ id });
  return performance.now() - start;
}

const soon = leaseMs / 2;
const atLatest = leaseMs + marginMs + 200;

test("a guard gets what is left of the lease, and the time of the database", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  const left = await guard.ping();
  expect(left).toBeGreaterThan(0);
  expect(left).toBeLessThanOrEqual(leaseMs);
  expect(Math.abs((guard.databaseTime() ?? 0) - Date.now())).toBeLessThan(1_000);
});

test("a change returns when the guard has acknowledged it", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  await guard.ping();
  const { id } = await issueKey(owner);
  let returned = false;
  const revoking = owner.apiKeys.revokeApiKey({ id }).then(() => {
    returned = true;
  });
  await guard.received(id);
  expect(returned).toBe(false);
  guard.acknowledge();
  const start = performance.now();
  await revoking;
  expect(performance.now() - start).toBeLessThan(soon);
});

test("a guard that acknowledges delays no change for long", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  guard.obey();
  expect(await guard.ping()).toBeGreaterThan(0);
  for (let i = 0; i < 5; i++) expect(await revocationMs(owner)).toBeLessThan(soon);
  expect(await guard.ping()).toBeGreaterThan(0);
});

test("a silent guard delays changes until its grant has ended, and then no more", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  const left = await guard.ping();
  const granted = performance.now();
  await revocationMs(owner);
  const waited = performance.now() - granted;
  expect(waited).toBeGreaterThan(left * 0.9);
  expect(waited).toBeLessThan(atLatest);
  expect(await revocationMs(owner)).toBeLessThan(soon);
  // A ping does not help: it gets a grant only after it has acknowledged.
  expect(await guard.ping()).toBe(0);
  expect(await revocationMs(owner)).toBeLessThan(soon);
  guard.acknowledge();
  expect(await guard.ping()).toBeGreaterThan(0);
});

test("metrics show how many guards watch, and how long changes waited for silent ones", async () => {
  const owner = await app.newAccount();
  const expired = 'latchkey_guard_wait_seconds_count{outcome="expired"}';
  const before = await figure(expired);
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  await guard.ping();
  expect(await figure('latchkey_guards{state="granted"}')).toBeGreaterThan(0);
  await revocationMs(owner);
  expect(await figure('latchkey_guards{state="late"}')).toBe(1);
  expect(await figure(expired)).toBe(before + 1);
});

async function figure(name: string): Promise<number> {
  const { body } = await app.metrics.render();
  const line = body.split("\n").find((one) => one.startsWith(`${name} `));
  return Number(line?.split(" ").at(-1) ?? 0);
}

test("a stream that ends does not end its grant", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  const left = await guard.ping();
  const granted = performance.now();
  guard.reset();
  await guard.ended;
  await revocationMs(owner);
  expect(performance.now() - granted).toBeGreaterThan(left * 0.9);
  expect(await revocationMs(owner)).toBeLessThan(soon);
});

test("a guard that gives its grants up delays no change", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  await guard.ping();
  guard.release();
  await expect.poll(() => revocationMs(owner)).toBeLessThan(soon);
});

test("100 silent guards of one account do not delay the changes of another", async () => {
  const owner = await app.newAccount();
  const other = await app.newAccount();
  const url = await openAppPort(app);
  const token = await verifierOf(owner);
  const guards = Array.from({ length: 100 }, () => openRawGuard(url, token));
  const lefts = await Promise.all(guards.map((guard) => guard.ping()));
  expect(Math.min(...lefts)).toBeGreaterThan(0);
  const delayed = revocationMs(owner);
  for (let i = 0; i < 5; i++) expect(await revocationMs(other)).toBeLessThan(soon);
  // A repeat that finds nothing to change waits for the guards of its own account only.
  const { id } = await issueKey(other);
  await other.apiKeys.revokeApiKey({ id });
  const start = performance.now();
  await other.apiKeys.revokeApiKey({ id });
  expect(performance.now() - start).toBeLessThan(soon);
  expect(await delayed).toBeGreaterThan(soon);
});

test("a repeat that finds nothing to change waits for the guards that have not applied the first change", async () => {
  const owner = await app.newAccount();
  const guard = openRawGuard(await openAppPort(app), await verifierOf(owner));
  await guard.ping();
  const { id } = await issueKey(owner);
  let returned = 0;
  const revoke = () => owner.apiKeys.revokeApiKey({ id }).then(() => (returned += 1));
  const revoking = [revoke()];
  await guard.received(id);
  revoking.push(revoke());
  await Promise.race([...revoking, new Promise((resolve) => setTimeout(resolve, soon / 2))]);
  expect(returned).toBe(0);
  guard.acknowledge();
  await Promise.all(revoking);
});

test("the stream of a guard ends with the reason when its key is revoked", async () => {
  const owner = await app.newAccount();
  const { id, token } = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const guard = openRawGuard(await openAppPort(app), token);
  await guard.ping();
  await owner.apiKeys.revokeApiKey({ id });
  expect(await outcome(guard.ended.then((error) => Promise.reject(error)))).toBe("REVOKED_API_KEY");
});

test("a key without tokens:verify cannot watch", async () => {
  const owner = await app.newAccount();
  const { token } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
  const guard = openRawGuard(await openAppPort(app), token);
  expect(await outcome(guard.ended.then((error) => Promise.reject(error)))).toBe("PERMISSION_DENIED");
});

test("the stream needs HTTP/2", async () => {
  const owner = await app.newAccount();
  const transport = createConnectTransport({ baseUrl: await openAppPort(app), httpVersion: "1.1" });
  const headers = { authorization: `Bearer ${await verifierOf(owner)}` };
  const responses = createClient(TokenService, transport).watchTokens(
    (async function* () {
      yield { message: { case: "ping" as const, value: { number: 1 } } };
    })(),
    { headers },
  );
  await expect(responses[Symbol.asyncIterator]().next()).rejects.toThrow();
});

test("an instance stops as soon as its guard has dropped everything, and no change waits for it", async () => {
  const owner = await app.newAccount();
  const second = await startBeside(app, {}, { leaseMs });
  const guard = openRawGuard(await openAppPort(second.app), await verifierOf(owner));
  guard.obey();
  expect(await guard.ping()).toBeGreaterThan(0);
  const start = performance.now();
  await second.end();
  expect(performance.now() - start).toBeLessThan(soon);
  expect(guard.tags()).toEqual(["*"]);
  expect(await revocationMs(owner)).toBeLessThan(soon);
});

test("a guard receives the keys of its own account only, and a guard of the platform those of every account", async () => {
  const owner = await app.newAccount();
  const other = await app.newAccount();
  const url = await openAppPort(app);
  const [own, foreign] = [await issueKey(owner), await issueKey(other)];
  const tenant = openRawGuard(url, await verifierOf(owner));
  const platform = openRawGuard(url, app.platformToken);
  for (const guard of [tenant, platform]) {
    guard.obey();
    await guard.ping();
  }
  await other.apiKeys.revokeApiKey({ id: foreign.id });
  await owner.apiKeys.revokeApiKey({ id: own.id });
  await Promise.all([tenant.received(own.id), platform.received(own.id)]);
  expect(tenant.tags()).toEqual([own.id]);
  expect(platform.tags()).toEqual([foreign.id, own.id]);
});
