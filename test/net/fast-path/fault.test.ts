import { once } from "node:events";
import type { ClientHttp2Session } from "node:http2";
import { setTimeout as wait } from "node:timers/promises";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { DummyDriver, Kysely, PostgresAdapter, PostgresIntrospector, PostgresQueryCompiler } from "kysely";
import { describe, expect, onTestFinished, test } from "vitest";
import { TokenService } from "../../../gen/latchkey/v1/token_service_pb.ts";
import type { Db } from "../../../src/db/connect.ts";
import type { Database } from "../../../src/db/schema.ts";
import { newId } from "../../../src/domain/kernel/id.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import { useApp } from "../../support/app.ts";
import { refusal } from "../../support/errors.ts";
import { openFastPathServer } from "../../support/fast-path/server.ts";
import { closeOf, openSession } from "../../support/net/hostile.ts";
import { pathOf } from "../../support/net/http.ts";
import { connectRaw, shortLimits } from "../../support/net/net.ts";

const app = useApp();
const path = pathOf(TokenService.method.verifyToken);
const { token: unknownToken } = mintToken("lk", "live", newId("key"));

/** Returns a database whose connections are the result of `connect`. */
function databaseWith(connect: () => Promise<never>): Db {
  class Driver extends DummyDriver {
    override acquireConnection() {
      return connect();
    }
  }
  return new Kysely<Database>({
    dialect: {
      createAdapter: () => new PostgresAdapter(),
      createDriver: () => new Driver(),
      createIntrospector: (db) => new PostgresIntrospector(db),
      createQueryCompiler: () => new PostgresQueryCompiler(),
    },
  });
}

/** Begins a gRPC call without sending its body. */
function openCall(session: ClientHttp2Session, bearer: string, requestId = "one") {
  const stream = session.request({
    ":method": "POST",
    ":path": path,
    "content-type": "application/grpc",
    authorization: `Bearer ${bearer}`,
    "x-request-id": requestId,
  });
  stream.on("error", () => {});
  return stream;
}

function transports(baseUrl: string): Record<string, Transport> {
  return {
    "Connect, JSON, HTTP/1.1": createConnectTransport({
      baseUrl,
      httpVersion: "1.1",
      useBinaryFormat: false,
    }),
    "Connect, binary, HTTP/1.1": createConnectTransport({ baseUrl, httpVersion: "1.1" }),
    "Connect, JSON, HTTP/2": createConnectTransport({ baseUrl, httpVersion: "2", useBinaryFormat: false }),
    gRPC: createGrpcTransport({ baseUrl }),
  };
}

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe.each([true, false])("with the fast path: %s", (fastPath) => {
  test("clients of every protocol get responses", async () => {
    const { url } = await openFastPathServer(app.pools.lookups, fastPath);
    for (const [name, transport] of Object.entries(transports(url))) {
      const client = createClient(TokenService, transport);
      const headers = { authorization: `Bearer ${app.platformToken}` };
      const response = await client.verifyToken({ token: app.platformToken }, { headers, timeoutMs: 5_000 });
      expect(response.valid, name).toBe(true);
      const request = { requests: [{ token: unknownToken }] };
      const { responses } = await client.batchVerifyTokens(request, { headers });
      expect(responses, name).toHaveLength(1);
    }
  });

  test.each([
    ["an unreachable database", "ECONNREFUSED", { code: "Unavailable", retry: true }],
    ["an unexpected database error", "EBUG", { code: "Internal", message: "internal error" }],
  ])("%s is the right error in every protocol", async (_name, code, expected) => {
    const db = databaseWith(async () => {
      throw Object.assign(new Error("the secret cause"), { code });
    });
    const { url, lines } = await openFastPathServer(db, fastPath);
    for (const [name, transport] of Object.entries(transports(url))) {
      const headers = { authorization: `Bearer ${unknownToken}` };
      const call = createClient(TokenService, transport).verifyToken({ token: "x" }, { headers });
      expect(await refusal(call), name).toMatchObject(expected);
    }
    const calls = lines.filter(({ msg }) => msg === "call");
    expect(calls.map((line) => line.code)).toEqual(
      Array(4).fill(code === "EBUG" ? "internal" : "unavailable"),
    );
  });

  test("the port disconnects a client whose body does not arrive", async () => {
    const server = await openFastPathServer(app.pools.lookups, fastPath, shortLimits);
    const head = `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nauthorization: Bearer ${app.platformToken}\r\n`;
    const raw = await connectRaw(server.port, `${head}content-length: 100\r\n\r\n{`);
    expect(await raw.closed).toMatch(/^(HTTP\/1.1 408|$)/);
    const session = openSession(server.url);
    const stream = openCall(session, app.platformToken);
    stream.write(Buffer.from([0, 0, 0]));
    await once(stream, "close");
    expect(stream.rstCode).toBe(8);
    session.destroy();
    expect((await server.refusals()).map(({ reason }) => reason)).toEqual(["slow_request", "slow_request"]);
    // Connect reports a stream that ended early as `internal`.
    const ended = fastPath ? "canceled" : "internal";
    expect(server.lines.map((line) => line.code)).toEqual(["canceled", ended]);
  });

  test("a call whose client disconnects is logged once, and leaves no connection open", async () => {
    const waiting: (() => void)[] = [];
    const db = databaseWith(
      () => new Promise<never>((_resolve, reject) => waiting.push(() => reject(new Error("late")))),
    );
    const server = await openFastPathServer(db, fastPath);
    const head = `POST ${path} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nauthorization: Bearer ${unknownToken}\r\n`;
    for (const body of ["content-length: 100\r\n\r\n{", "content-length: 2\r\n\r\n{}"]) {
      const { socket } = await connectRaw(server.port, head + body);
      await expect.poll(() => waiting.length).toBeGreaterThan(0);
      socket.resetAndDestroy();
      await expect.poll(() => server.lines.length).toBeGreaterThan(0);
      for (const answer of waiting.splice(0)) answer();
      await wait(20);
      const [line, ...more] = server.lines.splice(0).filter(({ msg }) => msg === "call");
      expect(line).toMatchObject({ method: path.slice(1), code: "canceled" });
      expect(more).toEqual([]);
    }
    const session = openSession(server.url);
    const stream = openCall(session, unknownToken);
    stream.end(Buffer.alloc(5));
    await expect.poll(() => waiting.length).toBe(1);
    stream.close(8);
    await expect.poll(() => server.lines.length).toBe(1);
    for (const answer of waiting.splice(0)) answer();
    await wait(20);
    expect(server.lines.filter(({ msg }) => msg === "call")).toMatchObject([{ code: "canceled" }]);
    session.destroy();
    const drained = performance.now();
    expect(await server.refusals()).toEqual([]);
    expect(performance.now() - drained).toBeLessThan(400);
  });

  test("clients that reset streams at any moment do not crash the server, and each call is logged once", async () => {
    const uncaught: unknown[] = [];
    const onUncaught = (error: unknown) => void uncaught.push(error);
    process.on("uncaughtException", onUncaught);
    onTestFinished(() => void process.off("uncaughtException", onUncaught));
    const server = await openFastPathServer(app.pools.lookups, fastPath);
    const session = openSession(server.url);
    await once(session, "connect");
    const body = Buffer.concat([
      Buffer.from([0, 0, 0, 0, 2 + unknownToken.length, 10, unknownToken.length]),
      Buffer.from(unknownToken),
    ]);
    const calls = Array.from({ length: 90 }, async (_, n) => {
      const stream = openCall(session, app.platformToken, `call-${n}`);
      stream.resume();
      stream.end(body);
      const closed = closeOf(stream);
      const moment = new Promise((resolve) => stream.once(n % 3 === 0 ? "response" : "data", resolve));
      await Promise.race([n % 3 === 2 ? wait(n / 10) : moment, closed]);
      // Code 8 (CANCEL) is not an error for node. Code 2 (INTERNAL_ERROR) is.
      stream.close(n % 2 === 0 ? 8 : 2);
      await closed;
    });
    await Promise.all(calls);
    // The server does not count a call that was reset before its handler started.
    const started = calls.map((_, n) => `call-${n}`).filter((_, n) => n % 3 !== 2);
    const logged = () => server.lines.map(({ requestId }) => requestId);
    await expect.poll(logged).toEqual(expect.arrayContaining(started));
    expect(new Set(logged()).size).toBe(logged().length);
    expect(uncaught).toEqual([]);
    session.destroy();
  });
});
