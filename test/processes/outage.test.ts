import { createClient } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { makePlatform } from "../support/actors/platform.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { type Clients, issueKey } from "../support/app.ts";
import { createTestDatabase } from "../support/database/database.ts";
import { type FaultyProxy, startProxy } from "../support/database/proxy.ts";
import { refusal } from "../support/errors.ts";
import { gone, postmasterOf } from "../support/server/embedded-process.ts";
import { createSite, type Served, type Site } from "../support/server/serve.ts";

const { SERVING, NOT_SERVING } = ServingStatus;
// The promise is 3 s. The fourth second is for a busy machine.
const soonMs = 4_000;

/** A server that reaches its database through a proxy. */
interface World {
  proxy: FaultyProxy;
  server: Served;
  owner: Clients;
  platform: Clients;
  /** Runs the outages of several tests one after the other. */
  inTurn(outage: (world: World) => Promise<void>): Promise<void>;
  close(): Promise<void>;
}

async function openWorld(): Promise<World> {
  const database = await createTestDatabase();
  const platformToken = await makePlatform(database.db);
  const proxy = await startProxy(database.url);
  const site = createSite({ LATCHKEY_DATABASE_URL: proxy.url });
  const server = await site.serve();
  let last = Promise.resolve();
  const world: World = {
    proxy,
    server,
    owner: await signUpAt(server.url),
    platform: clientsAt(server.url, platformToken),
    inTurn(outage) {
      const ended = last.then(() => outage(world));
      last = ended.catch(() => undefined);
      return ended;
    },
    async close() {
      await site.clear();
      await proxy.close();
      await database.drop();
    },
  };
  return world;
}

let worlds: Record<"silent" | "refusing", World>;
let embedded: { site: Site; server: Served };

// The tests run concurrently and measure times, so all servers start before the first test breaks anything.
beforeAll(async () => {
  const [silent, refusing] = await Promise.all([openWorld(), openWorld()]);
  worlds = { silent, refusing };
  const site = createSite();
  embedded = { site, server: await site.serve() };
});
afterAll(async () => {
  await Promise.all(Object.values(worlds).map((world) => world.close()));
  await embedded.site.clear();
});

describe.concurrent("a server", () => {
  const fails = {
    silent: ({ proxy }: World) => proxy.swallow(),
    refusing: ({ proxy }: World) => proxy.refuse(),
  };
  test.each([
    ["sends no responses", "silent"],
    ["refuses connections", "refusing"],
  ] as const)(
    "if its database %s, calls fail as unavailable within 3 s, and succeed again without a restart",
    (_, how) => worlds[how].inTurn((world) => survive(world, fails[how])),
  );

  test("a create request that an outage interrupted creates one key when it is repeated", () =>
    worlds.refusing.inTurn(interruptCreation));

  test("after kill -9 of the embedded Postgres, calls are unavailable and then succeed with all data, without a restart", async () => {
    const { site, server } = embedded;
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
  });
});

/** Lets the database of a server fail, checks that calls fail soon, and that they succeed again after the end of the outage. */
async function survive(world: World, fail: (world: World) => unknown): Promise<void> {
  const { proxy, server, owner, platform } = world;
  const { token } = await issueKey(owner);
  const live = await watch(server.url, "latchkey.v1.Live");
  const ready = await watch(server.url, "");
  expect(await live.next()).toBe(SERVING);
  await ready.until(SERVING);

  await fail(world);
  const start = performance.now();
  // There are more calls than connections.
  const calls = Array.from({ length: 30 }, () => refusal(platform.tokens.verifyToken({ token })));
  for (const refused of await Promise.all([...calls, refusal(issueKey(owner))])) {
    expect(refused).toMatchObject({ code: "Unavailable", reason: "UNAVAILABLE", retry: true });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
  }
  expect(performance.now() - start).toBeLessThan(soonMs);
  const response = await postVerify(server, platform.token, token);
  expect(response.status).toBe(503);
  expect(response.headers.get("retry-after")).toBe("1");
  await ready.until(NOT_SERVING);

  await proxy.heal();
  await ready.until(SERVING);
  expect(await platform.tokens.verifyToken({ token })).toMatchObject({ valid: true });
  await issueKey(owner);
  expect(live.seen).toEqual([SERVING]);
}

/** Interrupts requests that create keys, and checks that each of them creates one key when it is repeated. */
async function interruptCreation({ proxy, owner }: World): Promise<void> {
  const makeOnce = (name: string) => owner.apiKeys.createApiKey({ metadata: { name }, requestId: name });
  await Promise.all(Array.from({ length: 5 }, (_, i) => makeOnce(`warm-up-${i}`)));
  const names = Array.from({ length: 30 }, (_, i) => `in-flight-${String(i).padStart(2, "0")}`);
  const calls = names.map(makeOnce);
  // The database has then committed some of them, and not all.
  await Promise.race(calls);
  proxy.swallow();
  const outcomes = await Promise.allSettled(calls);
  expect(outcomes.map(({ status }) => status)).toContain("rejected");

  await proxy.heal();
  for (const name of names) {
    await vi.waitFor(() => onlyIfAlreadyThere(makeOnce(name)), { timeout: 15_000, interval: 200 });
  }
  const { items } = await owner.apiKeys.listApiKeys({ query: "in-flight", limit: 200 });
  expect(items.map((key) => key.metadata?.name).sort()).toEqual(names);
}

function postVerify(server: Served, bearer: string, token: string): Promise<Response> {
  return fetch(`${server.url}/latchkey.v1.TokenService/VerifyToken`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization: `Bearer ${bearer}` },
    body: JSON.stringify({ token }),
  });
}

async function onlyUnavailable(error: unknown): Promise<undefined> {
  expect(await refusal(Promise.reject(error))).toMatchObject({ code: "Unavailable", retry: true });
  return undefined;
}

async function onlyIfAlreadyThere(call: Promise<unknown>): Promise<void> {
  const outcome = await call.catch((error) => refusal(Promise.reject(error)));
  const reason = outcome && typeof outcome === "object" && "reason" in outcome ? outcome.reason : "created";
  expect(["created", "ALREADY_EXISTS"]).toContain(reason);
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
