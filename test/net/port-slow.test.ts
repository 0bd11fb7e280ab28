import { ServerResponse } from "node:http";
import { constants } from "node:http2";
import { connect as connectTls } from "node:tls";
import { describe, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import type { RefusedConnection } from "../../src/net/refused-connections.ts";
import type { Handler } from "../../src/net/request.ts";
import {
  call,
  check,
  closeOf,
  emptySettings,
  health,
  openImpatientPort,
  openSession,
  preface,
  refused,
  text,
} from "../support/net/hostile.ts";
import { connectRaw, handlerOf, openTestPort, selfSigned, shortLimits, trickle } from "../support/net/net.ts";

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("slow clients", () => {
  test("a client that sends nothing is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port);
    expect(await raw.closed).toBe("");
    expect(await port.refusals()).toEqual(refused("silent"));
  });

  test("a client that sends the HTTP/2 preface byte by byte is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, "P");
    let sent = 1;
    const timer = setInterval(() => raw.write(preface[sent++] ?? ""), 50);
    expect(await raw.closed).toBe("");
    clearInterval(timer);
    expect(await port.refusals()).toEqual(refused("silent"));
  });

  test("a client that sends incomplete headers is disconnected and reported once", async () => {
    const port = await openTestPort({
      handler: health,
      limits: { ...shortLimits, requestTimeoutMs: 60_000 },
    });
    const raw = await connectRaw(port.port, check);
    expect(await raw.closed).toMatch(/^HTTP\/1.1 408 /);
    expect(await port.refusals()).toEqual(refused("slow_request"));
  });

  test("a client that sends headers without an end is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, check);
    trickle(raw, "x: y\r\n");
    expect(await raw.closed).toMatch(/^HTTP\/1.1 408 /);
    expect(await port.refusals()).toEqual(refused("slow_request"));
  });

  test("an HTTP/1.1 client that sends a body byte by byte is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, `${check}Content-Length: 60000\r\n\r\n`);
    trickle(raw, " ");
    expect(await raw.closed).toMatch(/^HTTP\/1.1 408 /);
    expect(await port.refusals()).toEqual(refused("slow_request"));
  });

  test("an HTTP/1.1 client that continues to send after its response is disconnected and reported once", async () => {
    const handler: Handler = (_, response) => void response.end("early");
    const port = await openTestPort({ handler, limits: shortLimits });
    const raw = await connectRaw(port.port, `${check}Content-Length: 60000\r\n\r\n`);
    trickle(raw, " ");
    expect(await raw.closed).toMatch(/^HTTP\/1.1 200 /);
    expect(await port.refusals()).toEqual(refused("slow_request"));
  });

  test("an HTTP/2 client that sends a body byte by byte is disconnected after its other calls have finished", async () => {
    const finished = Promise.withResolvers<void>();
    const handler = handlerOf((router) =>
      router.service(Health, {
        async check() {
          await finished.promise;
          return { status: ServingStatus.SERVING };
        },
      }),
    );
    const port = await openTestPort({ handler, limits: { ...shortLimits, idleTimeoutMs: 60_000 } });
    const session = openSession(port.url);
    const neighbour = call(session, "{}");
    const slow = call(session);
    const timer = setInterval(() => slow.writable && slow.write(" "), 20);
    await closeOf(slow);
    clearInterval(timer);
    expect(slow.rstCode).toBe(constants.NGHTTP2_CANCEL);
    finished.resolve();
    expect(await text(neighbour)).toBe('{"status":"SERVING"}');
    await closeOf(session);
    expect(await port.refusals()).toEqual(refused("slow_request"));
  });

  test("an HTTP/2 client that opens no stream is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    await closeOf(openSession(port.url));
    expect(await port.refusals()).toEqual(refused("silent"));
  });

  test("an HTTP/2 client that ignores GOAWAY is disconnected and reported once", async () => {
    const report = Promise.withResolvers<RefusedConnection>();
    const limits = { ...shortLimits, drainGraceMs: 60_000 };
    const port = await openTestPort({ handler: health, limits, onRefusal: report.resolve });
    await connectRaw(port.port, preface + emptySettings, { allowHalfOpen: true });
    expect([await report.promise]).toEqual(refused("silent"));
    await port.drain();
  });

  test("an HTTP/2 client with maximal windows that reads nothing is disconnected and reported once", async () => {
    const report = Promise.withResolvers<RefusedConnection>();
    const handler: Handler = (_, response) => void response.end(Buffer.alloc(32 * 1024 * 1024));
    const limits = { ...shortLimits, drainGraceMs: 60_000 };
    const port = await openTestPort({ handler, limits, onRefusal: report.resolve });
    const raw = await connectRaw(port.port);
    raw.socket.pause();
    raw.write(Buffer.from(preface + maximalWindows + getRoot, "latin1"));
    expect([await report.promise]).toEqual(refused("slow_reader"));
    await port.drain();
  });

  test.each(["HTTP/1.1", "HTTP/2"])(
    "an %s client that never reads its response is disconnected and reported once",
    async (version) => {
      const body = Buffer.alloc(32 * 1024 * 1024);
      const handler: Handler = (request, response) => {
        request.resume();
        response.end(body);
      };
      const report = Promise.withResolvers<RefusedConnection>();
      const port = await openTestPort({ handler, limits: shortLimits, onRefusal: report.resolve });
      if (version === "HTTP/2") {
        const session = openSession(port.url);
        call(session, "{}");
        await closeOf(session);
      } else {
        const raw = await connectRaw(port.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
        raw.socket.pause();
        // A paused socket does not see that the server closed it.
        await report.promise;
        raw.socket.resume();
        expect((await raw.closed).length).toBeLessThan(body.length);
      }
      expect([await report.promise]).toEqual(refused("slow_reader"));
    },
  );

  test("a TLS client without a handshake is disconnected and reported once", async () => {
    const port = await openTestPort({ handler: health, limits: shortLimits, tls: selfSigned() });
    await (await connectRaw(port.port)).closed;
    expect(await port.refusals()).toEqual(refused("silent"));
  });

  test.each([
    ["h2", "silent"],
    ["http/1.1", "slow_request"],
  ])(
    "a TLS client that sends nothing after its handshake for %s is reported as %s",
    async (protocol, reason) => {
      const tls = selfSigned();
      const port = await openTestPort({ handler: health, limits: shortLimits, tls });
      const socket = connectTls({
        port: port.port,
        host: "127.0.0.1",
        ca: tls.cert,
        ALPNProtocols: [protocol],
      });
      socket.on("error", () => {}).resume();
      await closeOf(socket);
      expect(await port.refusals()).toEqual(refused(reason));
    },
  );
});

describe("clients that the port does not report", () => {
  test("an HTTP/2 client that continues to send after its response loses the stream but keeps the connection", async () => {
    const handler: Handler = (request, response) => {
      request.resume();
      response.end("early");
    };
    const port = await openTestPort({ handler, limits: shortLimits });
    const session = openSession(port.url);
    const slow = call(session);
    slow.resume();
    const timer = setInterval(() => slow.writable && slow.write(" "), 20);
    await closeOf(slow);
    clearInterval(timer);
    expect(slow.rstCode).toBe(constants.NGHTTP2_NO_ERROR);
    expect(await text(call(session, "{}"))).toBe("early");
    expect(await port.refusals()).toEqual([]);
  });

  test("an idle HTTP/2 connection that was used before is closed without a report", async () => {
    const port = await openImpatientPort();
    const session = openSession(port.url);
    expect(await text(call(session, "{}"))).toBe('{"status":"SERVING"}');
    await closeOf(session);
    expect(await port.refusals()).toEqual([]);
  });

  test("an idle HTTP/1.1 connection that was used before is closed without a report", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, `${check}Content-Length: 2\r\n\r\n{}`);
    expect(await raw.closed).toContain('{"status":"SERVING"}');
    expect(await port.refusals()).toEqual([]);
  });

  test.each(["", "PRI * HT", check, `${check}Content-Length: 9\r\n\r\n`, preface, `${preface}\0\0`])(
    "a client that disconnects after %j is not reported",
    async (bytes) => {
      const port = await openImpatientPort();
      const raw = await connectRaw(port.port, bytes);
      raw.socket.end();
      await raw.closed;
      expect(await port.refusals()).toEqual([]);
    },
  );
});

test("an HTTP/1.1 response that has begun is never followed by an error response", async () => {
  const handler: Handler = (_, response) => {
    if (response instanceof ServerResponse) response.write("begun");
  };
  const port = await openTestPort({ handler, limits: shortLimits });
  const raw = await connectRaw(port.port, `${check}Content-Length: 60000\r\n\r\n`);
  trickle(raw, " ");
  expect(await raw.closed).toMatch(/begun\r\n$/);
  expect(await port.refusals()).toEqual(refused("slow_request"));
});

// Sets the windows of the streams and of the connection to the maximum.
const maximalWindows = "\0\0\x06\x04\0\0\0\0\0\0\x04\x7f\xff\xff\xff" + "\0\0\x04\x08\0\0\0\0\0\x7f\xff\0\0";
// HEADERS of stream 1 without a body: `GET / http x`, by the static table of RFC 7541.
const getRoot = "\0\0\x06\x01\x05\0\0\0\x01\x82\x86\x84\x41\x01x";
