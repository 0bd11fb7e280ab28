import { once } from "node:events";
import { existsSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import pg from "pg";
import { describe, expect, vi } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { birthOf } from "../../src/db/embedded/process.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { bearer } from "../support/actors/bearer.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { clients, issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { patientServer } from "../support/long.ts";
import { gone, postmasterOf, query } from "../support/server/embedded-process.ts";
import type { Program } from "../support/server/programs.ts";
import { embeddedUrl, type Served, type Site } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe.concurrent("latchkey serve", () => {
  test("after SIGTERM, calls in progress finish, streams end with `Unavailable`, and Postgres ends last; after a restart, repeated signals during a drain end both at once", async ({
    newSite,
  }) => {
    const { site, server, postgres } = await open(newSite());
    const owner = await signUpAt(server.url);
    const grpc = createClient(Health, createGrpcTransport({ baseUrl: server.url }));
    const watcher = grpc.watch({ service: "latchkey.v1.Live" })[Symbol.asyncIterator]();
    expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
    const end = refusal(watcher.next());

    const interceptors = [bearer(owner.token)];
    const http1 = createConnectTransport({ baseUrl: server.url, httpVersion: "1.1", interceptors });
    const block = await blockKeys(site);
    const calls = [issueKey(owner), issueKey(clients(http1, owner.token))];
    await waiting(site, calls.length);

    const ended = server.stop();
    await server.logged(({ msg }) => msg === "draining");
    expect((await end).code).toBe("Unavailable");
    await expect(
      once(connect(Number(new URL(server.url).port), "127.0.0.1"), "connect"),
    ).rejects.toMatchObject({
      code: "ECONNREFUSED",
    });
    await block.end();
    const keys = await Promise.all(calls);
    expect(await ended).toMatchObject({ code: 0, signal: null });
    expect(birthOf(postgres)).toBeUndefined();
    expect(existsSync(join(site.dataDir, "lock"))).toBe(false);

    const second = await open(site);
    const verifier = clientsAt(second.server.url, site.token("verifier-key"));
    for (const { token } of keys)
      expect(await verifier.tokens.verifyToken({ token })).toMatchObject({ valid: true });
    await hold(second.server);
    const start = performance.now();
    const signals = setInterval(() => void second.server.stop(), 100);
    const { code } = await second.server.ended;
    clearInterval(signals);
    expect(code).toBe(143);
    expect(performance.now() - start).toBeLessThan(defaultLimits.drainGraceMs / 2);
    await gone(second.postgres);
  });

  test("after SIGINT, the server writes buffered audit events and ends", async ({
    migrated: { site, db },
  }) => {
    const server = await site.serve();
    const owner = await signUpAt(server.url);
    const key = await issueKey(owner);
    expect(await refusal(clientsAt(server.url, key.token).audit.listAuditEvents({}))).toMatchObject({
      reason: "PERMISSION_DENIED",
    });
    const refused = db.selectFrom("audit_event").select("id").where("reason", "=", "PERMISSION_DENIED");
    expect(await server.stop("SIGINT")).toMatchObject({ code: 0, signal: null });
    expect(await refused.execute()).toHaveLength(1);
  });

  test("the server drains until the end of its grace period and no longer, also if npm repeats the signal", async ({
    newSite,
  }) => {
    const { program, limits } = patientServer;
    const { server, postgres } = await open(newSite(), program);
    await hold(server);
    const start = performance.now();
    await Promise.all([server.stop("SIGINT"), server.stop("SIGINT")]);
    expect(await server.ended).toMatchObject({ code: 0, signal: null });
    expect(performance.now() - start).toBeGreaterThan(limits.drainGraceMs * 0.9);
    expect(performance.now() - start).toBeLessThan(limits.drainGraceMs + 5_000);
    expect(birthOf(postgres)).toBeUndefined();
  });

  test("a signal just after the listening line ends the server with status 0, and one during the start leaves no Postgres running", async ({
    newSite,
  }) => {
    const { site, server } = await open(newSite());
    expect(await server.stop()).toMatchObject({ code: 0, signal: null });
    const starting = site.start(["serve"]);
    const pid = await vi.waitFor(
      () => {
        const found = postmasterOf(site.dataDir);
        if (found === undefined) throw new Error("no Postgres yet");
        return found;
      },
      { interval: 1, timeout: 20_000 },
    );
    const { stdout } = await starting.stop();
    expect(stdout).toBe("");
    await gone(pid);
  });
});

/** Starts a server. Returns it with the pid of its Postgres. */
async function open(site: Site, program?: Program) {
  const server = await site.serve({}, program);
  return { site, server, postgres: postmasterOf(site.dataDir) ?? 0 };
}

/** Begins a call whose client never sends the rest of the body. */
async function hold(server: Served): Promise<void> {
  const body = "content-type: application/json\r\ncontent-length: 9\r\n\r\n";
  const socket = connect(Number(new URL(server.url).port), "127.0.0.1").on("error", () => {});
  await once(socket, "connect");
  // The server sends 100 when it has read the headers.
  socket.write(
    `POST /latchkey.v1.SessionService/SignUp HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n${body}`,
  );
  expect(String((await once(socket, "data"))[0])).toContain("100 Continue");
}

/** Blocks every insertion of a key until the returned connection ends. */
async function blockKeys(site: Site): Promise<pg.Client> {
  const client = new pg.Client(embeddedUrl(site.dataDir));
  await client.connect();
  await client.query("begin");
  await client.query("lock table api_key in share row exclusive mode");
  return client;
}

/** Waits until `count` statements wait for a lock. */
async function waiting(site: Site, count: number): Promise<void> {
  await vi.waitFor(
    async () =>
      expect(
        await query(embeddedUrl(site.dataDir), "select from pg_stat_activity where wait_event_type = 'Lock'"),
      ).toHaveLength(count),
    { timeout: 20_000 },
  );
}
