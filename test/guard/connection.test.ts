import { beforeAll, describe, expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import { issueKey, type Owner, startBeside, useApp } from "../support/app.ts";
import { startProxy } from "../support/database/proxy.ts";
import { openAppPort, openGuard, type TestGuard, verifierOf } from "../support/guard/guard.ts";

const app = useApp();
let owner: Owner;
beforeAll(async () => {
  owner = await app.newAccount();
});

const unavailable = { valid: false, reason: "UNAVAILABLE", source: "guard" };
const until = (what: () => unknown) => expect.poll(what, { interval: 5 });
const untilCached = (guard: TestGuard, token: string) =>
  until(async () => (await guard.verify(token)).source).toBe("cache");

describe("a guard whose own bearer the server rejects refuses every token, and says so once", () => {
  async function rejected(guard: TestGuard, token: string, reason: string): Promise<void> {
    await until(() => guard.state().stream).toBe("rejected");
    for (let times = 0; times < 5; times++) {
      expect(await guard.verify(token)).toMatchObject({ ...unavailable, retryAfterMs: 1_000 });
    }
    const about = guard.events.filter(({ type }) => type === "rejected");
    expect(about).toMatchObject([{ type: "rejected", reason }]);
    expect(about[0]?.message).not.toContain(token);
  }

  test("if it is unknown", async () => {
    const { token } = await issueKey(owner);
    const guard = await openGuard(app, "lk_live_nonsense");
    await rejected(guard, token, "INVALID_API_KEY");
    expect(await guard.ready(1)).toBe(false);
  });

  test("if it may not verify tokens", async () => {
    const narrow = await issueKey(owner, { spec: { permissions: ["runs:read"] } });
    await rejected(await openGuard(app, narrow.token), narrow.token, "PERMISSION_DENIED");
  });

  test("if it is disabled, until it is enabled again", async () => {
    const bearer = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
    const guard = await openGuard(app, bearer.token);
    const { token } = await issueKey(owner);
    await untilCached(guard, token);
    await owner.apiKeys.disableApiKey({ id: bearer.id });
    expect(await guard.verify(token)).toMatchObject(unavailable);
    await rejected(guard, token, "DISABLED_API_KEY");
    await owner.apiKeys.enableApiKey({ id: bearer.id });
    await untilCached(guard, token);
    expect(guard.events.map(({ type }) => type)).toEqual(["connected", "rejected", "connected"]);
  });
});

describe("a guard without a server", () => {
  test("refuses every token, and recovers with an empty cache", async () => {
    const proxy = await startProxy(await openAppPort(app));
    const guard = await openGuard(app, await verifierOf(owner), { url: proxy.url });
    const [kept, revoked] = [await issueKey(owner), await issueKey(owner)];
    for (const { token } of [kept, revoked]) await untilCached(guard, token);
    await proxy.refuse();
    await until(async () => (await guard.verify(kept.token)).reason).toBe("UNAVAILABLE");
    expect(await guard.verify(kept.token)).toMatchObject({ ...unavailable, retryAfterMs: 1_000 });
    expect(guard.state()).toMatchObject({ leased: false, entries: 0 });
    await owner.apiKeys.revokeApiKey({ id: revoked.id });
    await proxy.heal();
    await untilCached(guard, kept.token);
    expect(await guard.verify(revoked.token)).toMatchObject({ reason: "REVOKED_API_KEY" });
    await proxy.close();
  });

  test("accepts nothing that it cannot prove while its connections are silent", async () => {
    const proxy = await startProxy(await openAppPort(app));
    const guard = await openGuard(app, await verifierOf(owner), { url: proxy.url });
    const { id, token } = await issueKey(owner);
    await untilCached(guard, token);
    proxy.hold();
    await owner.apiKeys.revokeApiKey({ id });
    const verdict = guard.verify(token);
    proxy.release();
    expect(await verdict).toMatchObject({ valid: false });
    await until(async () => (await guard.verify(token)).reason).toBe("REVOKED_API_KEY");
    await proxy.close();
  });
});

test("a guard whose stream ended asks the server for each verification until it has a new one", async () => {
  const { app: second, end } = await startBeside(app);
  const proxy = await startProxy(await openAppPort(second));
  const guard = await openGuard(app, await verifierOf(owner), { url: proxy.url });
  const { token } = await issueKey(owner);
  await untilCached(guard, token);
  proxy.cut();
  await until(() => guard.state().leased).toBe(false);
  expect(guard.events.map(({ type }) => type)).toEqual(["connected", "disconnected"]);
  await untilCached(guard, token);
  await proxy.close();
  await guard.close();
  await end();
});

test("a guard that closes does not delay a change", async () => {
  const guard = await openGuard(app, await verifierOf(owner));
  const { id, token } = await issueKey(owner);
  await untilCached(guard, token);
  await guard.close();
  await owner.apiKeys.revokeApiKey({ id });
  expect(await guard.verify(token)).toMatchObject(unavailable);
  expect(guard.state().stream).toBe("closed");
});

test("a listener of events that throws does not disturb its guard", async () => {
  const url = await openAppPort(app);
  const onEvent = () => {
    throw new Error("a mistake of the service");
  };
  const guard = await openGuard(app, await verifierOf(owner), { url, onEvent });
  await untilCached(guard, (await issueKey(owner, { metadata: { name: newId("key") } })).token);
});
