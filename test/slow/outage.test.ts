import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { type Clients, issueKey } from "../support/app.ts";
import { createTestDatabase, type TestDatabase } from "../support/database.ts";
import { gone, postmasterOf } from "../support/embedded-process.ts";
import { refusal } from "../support/errors.ts";
import { type FaultyProxy, startProxy } from "../support/proxy.ts";
import { clientsAt, signUpAt } from "../support/remote.ts";
import { createSite, type Served, type Site } from "../support/serve.ts";

const { SERVING, NOT_SERVING } = ServingStatus;
// Promised are 3 s; the rest is for a machine that does other things as well.
const soonMs = 4_000;

describe("on an external database", () => {
  let database: TestDatabase;
  let proxy: FaultyProxy;
  let site: Site;
  let server: Served;
  let owner: Clients;
  let platform: Clients;
  beforeEach(async () => {
    database = await createTestDatabase();
    proxy = await startProxy(database.url);
    site = createSite({ LATCHKEY_DATABASE_URL: proxy.url });
    const { stdout } = await site.run(["bootstrap"]);
    server = await site.serve();
    owner = await signUpAt(server.url);
    platform = clientsAt(server.url, stdout.trim());
  });
  afterEach(async () => {
    await site.clear();
    await proxy.close();
    await database.drop();
  });

  const fails = { swallow: () => proxy.swallow(), refuse: () => proxy.refuse() };
  test.each([
    ["answers nothing", "swallow"],
    ["refuses connections", "refuse"],
  ] as const)("a database that %s is unavailable within 3 s, and back without a restart", async (_, how) => {
    const { token } = await issueKey(owner);
    const live = await watch(server.url, "latchkey.v1.Live");
    const ready = await watch(server.url, "");
    expect(await live.next()).toBe(SERVING);
    await ready.until(SERVING);

    await fails[how]();
    const start = performance.now();
    // More calls than connections.
    const calls = Array.from({ length: 30 }, () => refusal(platform.tokens.verifyToken({ token })));
    for (const refused of await Promise.all([...calls, refusal(issueKey(owner))])) {
      expect(refused).toMatchObject({ code: "Unavailable", reason: "UNAVAILABLE", retry: true });
      expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    }
    expect(performance.now() - start).toBeLessThan(soonMs);
    const answer = await postVerify(platform.token, token);
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("1");
    await ready.until(NOT_SERVING);

    await proxy.heal();
    await ready.until(SERVING);
    expect(await platform.tokens.verifyToken({ token })).toMatchObject({ valid: true });
    await issueKey(owner);
    expect(live.seen).toEqual([SERVING]);
  });

  test("what was in flight is lost cleanly: a repeat makes it once", async () => {
    await Promise.all(Array.from({ length: 5 }, (_, i) => makeOnce(`warm-up-${i}`)));
    const names = Array.from({ length: 10 }, (_, i) => `in-flight-${i}`);
    const calls = names.map(makeOnce);
    await proxy.nextBytes();
    proxy.swallow();
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toContain("rejected");

    await proxy.heal();
    for (const name of names) {
      await vi.waitFor(() => onlyIfAlreadyThere(makeOnce(name)), { timeout: 15_000, interval: 200 });
    }
    const { items } = await owner.apiKeys.listApiKeys({ query: "in-flight", limit: 200 });
    expect(items.map((key) => key.metadata?.name).sort()).toEqual(names);
  });

  const makeOnce = (name: string) => owner.apiKeys.createApiKey({ metadata: { name }, requestId: name });

  function postVerify(bearer: string, token: string): Promise<Response> {
    return fetch(`${server.url}/latchkey.v1.TokenService/VerifyToken`, {
      method: "POST",
      headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
      body: JSON.stringify({ token }),
    });
  }
});

test("kill -9 of the embedded Postgres: unavailable, then back with everything, without a restart", async () => {
  const site = createSite();
  try {
    const server = await site.serve();
    const { token } = await issueKey(await signUpAt(server.url));
    const platform = clientsAt(server.url, site.token("platform-key"));
    const postgres = postmasterOf(site.dataDir) ?? 0;
    process.kill(postgres, "SIGKILL");
    await gone(postgres);
    await server.logged(({ msg }) => /Postgres ended; starting it again/.test(msg ?? ""));
    await vi.waitFor(
      async () => {
        const outcome = await platform.tokens.verifyToken({ token }).catch(onlyUnavailable);
        expect(outcome).toMatchObject({ valid: true });
      },
      { timeout: 30_000 },
    );
    expect(await server.stop()).toMatchObject({ code: 0 });
  } finally {
    await site.clear();
  }
});

async function onlyUnavailable(error: unknown): Promise<undefined> {
  expect(await refusal(Promise.reject(error))).toMatchObject({ code: "Unavailable", retry: true });
  return undefined;
}

async function onlyIfAlreadyThere(call: Promise<unknown>): Promise<void> {
  const outcome = await call.catch((error) => refusal(Promise.reject(error)));
  const told = outcome && typeof outcome === "object" && "reason" in outcome ? outcome.reason : "made";
  expect(["made", "ALREADY_EXISTS"]).toContain(told);
}

/** Follows the health of a service. */
async function watch(baseUrl: string, service: string) {
  const client = createClient(Health, createGrpcTransport({ baseUrl }));
  const watcher = client.watch({ service })[Symbol.asyncIterator]();
  const seen: ServingStatus[] = [];
  async function next(): Promise<ServingStatus> {
    const { value } = await watcher.next();
    seen.push(value.status);
    return value.status;
  }
  async function until(status: ServingStatus): Promise<void> {
    while ((await next()) !== status);
  }
  return { next, until, seen };
}
