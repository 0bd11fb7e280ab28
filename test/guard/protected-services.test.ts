import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { Guard } from "../../src/guard/types.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { openGuard, verifierOf } from "../support/guard/guard.ts";
import { type StartService, services } from "../support/guard/services.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
let owner: Owner;
let verifier: string;
beforeAll(async () => {
  owner = await app.newAccount();
  verifier = await verifierOf(owner);
});

const reader = { spec: { permissions: ["prompts:read"] } };
const writer = { spec: { permissions: ["prompts:write"] } };
const adapters = Object.entries(services);

async function open(start: StartService, guard: Guard) {
  const service = await start(guard);
  onTestFinished(() => service.close());
  return service;
}

describe.each(adapters)("a service behind the adapter of %s", (_name, start) => {
  test("accepts a key with the permission of the route, and refuses others", async () => {
    const service = await open(start, await openGuard(app, verifier));
    const [read, write] = await Promise.all([issueKey(owner, reader), issueKey(owner, writer)]);
    const accepted = { status: 200, caller: read.id };
    expect(await service.call("read", `Bearer ${read.token}`)).toMatchObject(accepted);
    expect(await service.call("write", `Bearer ${write.token}`)).toMatchObject({ caller: write.id });
    const denied = { status: 403, reason: "PERMISSION_DENIED", metadata: { permission: "prompts:write" } };
    expect(await service.call("write", `Bearer ${read.token}`)).toMatchObject(denied);
    const stranger = await issueKey(await app.newAccount(), writer);
    const foreign = { status: 401, reason: "INVALID_API_KEY" };
    expect(await service.call("read", `Bearer ${stranger.token}`)).toMatchObject(foreign);
  });

  test("refuses a key of its cache from the moment that the revocation returned", async () => {
    const guard = await openGuard(app, verifier);
    expect(await guard.ready()).toBe(true);
    const service = await open(start, guard);
    const key = await issueKey(owner, writer);
    const call = () => service.call("write", `Bearer ${key.token}`);
    // A load that a change of the account overtakes is not kept.
    const hits = async () => {
      expect(await call()).toMatchObject({ status: 200 });
      return guard.state().cacheHits;
    };
    await expect.poll(hits).toBeGreaterThan(0);
    await owner.apiKeys.revokeApiKey({ id: key.id });
    const refused = { status: 401, reason: "REVOKED_API_KEY", metadata: { key_id: key.id } };
    expect(await call()).toMatchObject(refused);
  });

  test("takes from a limit once per call, and refuses the call that exceeds it until a retry may pass", async () => {
    const service = await open(start, await openGuard(app, verifier));
    const rateLimits = [{ name: "calls", limit: 2, period: durationFromMs(60_000) }];
    const { token } = await issueKey(owner, { spec: { ...writer.spec, rateLimits } });
    const call = () => service.call("write", `Bearer ${token}`);
    for (const _ of ["first", "second"]) expect(await call()).toMatchObject({ status: 200 });
    const refusal = await call();
    const metadata = { name: "calls", limit: "2", remaining: "0" };
    expect(refusal).toMatchObject({ status: 429, reason: "RATE_LIMITED", metadata, challenge: null });
    // One call of the two per minute comes back within 30 s.
    expect(Number(refusal.retryAfter)).toBeGreaterThan(20);
    expect(Number(refusal.retryAfter)).toBeLessThanOrEqual(30);
  });
});

test("if the server rejects the guard's own bearer, every adapter refuses every call as unavailable", async () => {
  const key = await issueKey(owner, writer);
  const own = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const guard = await openGuard(app, own.token);
  await owner.apiKeys.revokeApiKey({ id: own.id });
  for (const start of Object.values(services)) {
    const service = await open(start, guard);
    const refused = { status: 503, reason: "UNAVAILABLE", retryAfter: "1", challenge: null };
    expect(await service.call("read", `Bearer ${key.token}`)).toMatchObject(refused);
  }
});
