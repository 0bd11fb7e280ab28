import { once } from "node:events";
import { constants } from "node:http2";
import { connect } from "node:net";
import { setTimeout as wait } from "node:timers/promises";
import { connect as connectTls } from "node:tls";
import { describe, expect, onTestFinished, test } from "vitest";
import { defaultLimits } from "../../src/net/limits.ts";
import type { Handler, PlainHandler } from "../../src/net/request.ts";
import type { Tls } from "../../src/net/servers.ts";
import { call, closeOf, health, openSession, text } from "../support/net/hostile.ts";
import { frame, frameType, healthCheck, opening, rapidResets, uint32 } from "../support/net/http2-frames.ts";
import { openTestPort, selfSigned } from "../support/net/net.ts";

const attacker = "127.0.0.2";
const rapidReset = { reason: "rapid_reset", address: attacker };
const { NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR } = constants;

/** Opens a port whose handler counts requests and never responds. The test fails if an error is uncaught. */
async function openCountingPort(tls?: Tls) {
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown) => void uncaught.push(error);
  process.on("uncaughtException", onUncaught);
  onTestFinished(() => {
    process.off("uncaughtException", onUncaught);
    expect(uncaught).toEqual([]);
  });
  let handled = 0;
  const handler: Handler = () => {
    handled += 1;
  };
  const port = await openTestPort({ handler, tls });
  return { ...port, handled: () => handled };
}

/** Connects from the attacker's address and sends the HTTP/2 preface. Resolves when the server has responded. */
async function openAttack(port: number, tls?: Tls) {
  const to = { port, host: "127.0.0.1", localAddress: attacker };
  const socket = tls ? connectTls({ ...to, ca: tls.cert, ALPNProtocols: ["h2"] }) : connect(to);
  socket.on("error", () => {});
  onTestFinished(() => void socket.destroy());
  socket.write(opening);
  await once(socket, "data");
  socket.resume();
  return socket;
}

describe.each([
  ["in plain text", undefined],
  ["over TLS", selfSigned()],
])("%s", (_, tls) => {
  test.each([NGHTTP2_CANCEL, NGHTTP2_INTERNAL_ERROR, NGHTTP2_NO_ERROR])(
    "a burst of resets with code %i closes its connection, and few of its streams start",
    async (code) => {
      const port = await openCountingPort(tls);
      const sockets = await Promise.all(Array.from({ length: 8 }, () => openAttack(port.port, tls)));
      const resets = rapidResets(5_000, code);
      await Promise.all(
        sockets.map((socket) => {
          socket.write(resets);
          return closeOf(socket);
        }),
      );
      // The reset budget grows with time, so a few more than `maxTrustedResets` may start.
      expect(port.handled()).toBeLessThan(16 * (1 + defaultLimits.maxTrustedResets));
      expect(await port.refusals()).toEqual(sockets.map(() => rapidReset));
    },
  );

  test("another client is served during bursts of resets", async () => {
    const port = await openTestPort({ handler: health, tls });
    const session = openSession(port.url, tls?.cert);
    const resets = rapidResets(5_000, NGHTTP2_CANCEL);
    for (let round = 0; round < 5; round++) {
      const socket = await openAttack(port.port, tls);
      const closed = closeOf(socket);
      socket.write(resets);
      expect(await text(call(session, "{}"))).toBe('{"status":"SERVING"}');
      await closed;
    }
    expect(await port.refusals()).toEqual(Array(5).fill(rapidReset));
  });
});

test.each([NGHTTP2_CANCEL, NGHTTP2_NO_ERROR])(
  "a burst of resets with code %i closes its connection although each request gets a response at once",
  async (code) => {
    let handled = 0;
    const handler: PlainHandler["handler"] = (_, response) => {
      handled += 1;
      response.end("at once");
    };
    const port = await openTestPort({ handler: () => {}, plain: { accepts: () => true, handler } });
    const socket = await openAttack(port.port);
    const closed = closeOf(socket);
    socket.write(rapidResets(5_000, code));
    await closed;
    expect(handled).toBeLessThanOrEqual(2 * defaultLimits.maxStreams);
    expect(await port.refusals()).toEqual([rapidReset]);
  },
);

test("a burst of resets that arrives together with the preface starts no stream", async () => {
  const port = await openCountingPort();
  const socket = connect({ port: port.port, host: "127.0.0.1", localAddress: attacker });
  socket.on("error", () => {}).resume();
  socket.write(Buffer.concat([opening, rapidResets(5_000, NGHTTP2_CANCEL)]));
  await closeOf(socket);
  expect(port.handled()).toBe(0);
  expect(await port.refusals()).toEqual([rapidReset]);
});

test.each([
  ["a window overflow", (id: number) => frame(frameType.windowUpdate, 0, id, uint32(0x7fffffff))],
  ["a window increment of 0", (id: number) => frame(frameType.windowUpdate, 0, id, uint32(0))],
  ["more bytes than its content-length", (id: number) => frame(frameType.data, 0, id, Buffer.from("xy"))],
])("a client that provokes resets with %s is disconnected", async (_, provoke) => {
  const port = await openCountingPort();
  const socket = await openAttack(port.port);
  const closed = closeOf(socket);
  for (let stream = 1; stream < 200; stream += 2) {
    socket.write(Buffer.concat([healthCheck(stream, { "content-length": "1" }), provoke(stream)]));
  }
  await closed;
  expect(port.handled()).toBeLessThan(20);
  expect(await port.refusals()).toEqual([{ reason: "http2_error", address: attacker }]);
});

describe("honest clients", () => {
  const limits = { ...defaultLimits, drainGraceMs: 200 };

  test("a client that cancels every second call keeps its connection", async () => {
    const port = await openTestPort({ handler: health, limits: { ...limits, maxResetsPerSecond: 0 } });
    const session = openSession(port.url);
    for (let n = 0; n < 120; n++) {
      call(session).close(NGHTTP2_CANCEL);
      expect(await text(call(session, "{}"))).toBe('{"status":"SERVING"}');
    }
    expect(await port.refusals()).toEqual([]);
  });

  test("a client that cancels all its calls at once keeps its connection", async () => {
    const port = await openCountingPort();
    const session = openSession(port.url);
    await once(session, "remoteSettings");
    const calls = Array.from({ length: defaultLimits.maxStreams }, () => call(session));
    await expect.poll(port.handled).toBe(calls.length);
    const closed = calls.map(closeOf);
    for (const stream of calls) stream.close(NGHTTP2_CANCEL);
    await Promise.all(closed);
    await new Promise((resolve) => session.ping(resolve));
    expect(session.destroyed).toBe(false);
    expect(await port.refusals()).toEqual([]);
  });

  test("a client whose deadlines always pass before the responses keeps its connection", async () => {
    const slow = { ...limits, rapidResetMs: 20, maxResetBurst: 10, maxResetsPerSecond: 0 };
    const port = await openTestPort({ handler: () => {}, limits: slow });
    const session = openSession(port.url);
    await once(session, "remoteSettings");
    for (let round = 0; round < 5; round++) {
      const calls = Array.from({ length: 10 }, () => call(session));
      // The deadline of these calls.
      await wait(40);
      const closed = calls.map(closeOf);
      for (const stream of calls) stream.close(NGHTTP2_CANCEL);
      await Promise.all(closed);
    }
    await new Promise((resolve) => session.ping(resolve));
    expect(session.destroyed).toBe(false);
    expect(await port.refusals()).toEqual([]);
  });
});
