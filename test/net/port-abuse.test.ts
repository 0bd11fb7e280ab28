import { once } from "node:events";
import { gzipSync } from "node:zlib";
import { Code, createClient } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import type { Handler } from "../../src/net/request.ts";
import {
  call,
  check,
  emptySettings,
  health,
  openImpatientPort,
  openSession,
  preface,
  refused,
  text,
} from "../support/net/hostile.ts";
import { connectRaw, openTestPort, selfSigned, shortLimits, trickle } from "../support/net/net.ts";

describe("clients that break the protocol", () => {
  test.each([
    ["an SMTP greeting", "EHLO mail.example\r\n\r\n"],
    ["a TLS handshake on a plain-text port", Buffer.from("16030100c8010000c40303", "hex")],
    ["random bytes", Buffer.from([0xff, 0, 0x80, 7, 0xde, 0xad])],
    ["a malformed HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"],
  ])("a client that sends %s is disconnected and reported once", async (_, bytes) => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, bytes);
    expect(await raw.closed).toMatch(/^HTTP\/1.1 400 /);
    expect(await port.refusals()).toEqual(refused("not_http"));
  });

  test.each([
    ["garbage", "\xff".repeat(64)],
    ["a PING instead of SETTINGS", "\0\0\x08\x06\0\0\0\0\0abcdefgh"],
    ["a frame that is too large", `${emptySettings}\xff\xff\xff\x06\0\0\0\0\0`],
    ["data on a stream that is not open", `${emptySettings}\0\0\x01\0\0\0\0\0\x01x`],
    ["a SETTINGS frame of a thousand entries", settingsFrame(1000)],
  ])(
    "a client that sends %s after the HTTP/2 preface is disconnected and reported once",
    async (_, bytes) => {
      const port = await openImpatientPort();
      const raw = await connectRaw(port.port, Buffer.from(preface + bytes, "latin1"));
      await raw.closed;
      expect(await port.refusals()).toEqual(refused("http2_error"));
    },
  );

  test("a client that sends PINGs and reads no responses is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, preface + emptySettings);
    raw.socket.pause();
    const pings = Buffer.from("\0\0\x08\x06\0\0\0\0\0abcdefgh".repeat(10_000), "latin1");
    while (raw.socket.writable) {
      if (!raw.socket.write(pings))
        await Promise.race([once(raw.socket, "drain"), raw.closed]).catch(() => {});
    }
    await raw.closed;
    expect(await port.refusals()).toEqual(refused("frame_flood"));
  });

  test("an HTTP/1.1 client whose headers are too large gets status 431 and is reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, `${check}x: ${"y".repeat(defaultLimits.maxHeaderBytes)}\r\n\r\n`);
    expect(await raw.closed).toMatch(/^HTTP\/1.1 431 /);
    expect(await port.refusals()).toEqual(refused("headers_too_large"));
  });

  test("a refused client that continues to send is disconnected and reported once", async () => {
    const port = await openImpatientPort();
    const raw = await connectRaw(port.port, "noise\r\n\r\n", { allowHalfOpen: true });
    trickle(raw, "noise\r\n\r\n");
    expect(await raw.closed).toMatch(/^HTTP\/1.1 400 /);
    expect(await port.refusals()).toEqual(refused("not_http"));
  });

  test("a plain-text client on a TLS port is disconnected and reported once", async () => {
    const port = await openTestPort({ handler: health, limits: shortLimits, tls: selfSigned() });
    await (await connectRaw(port.port, `${check}\r\n`)).closed;
    expect(await port.refusals()).toEqual(refused("tls_error"));
  });
});

test.each(["[", "a b", "x:99999", ""])("a request to the host %j gets status 400", async (host) => {
  const port = await openImpatientPort();
  const raw = await connectRaw(
    port.port,
    check.replace("Host: x", `Host: ${host}\r\nConnection: close`).concat("\r\n"),
  );
  expect(await raw.closed).toMatch(/^HTTP\/1.1 400 /);
});

test("if a handler throws, the client gets status 500 and the port reports the error", async () => {
  const errors: unknown[] = [];
  const handler: Handler = () => {
    throw new Error("a bug");
  };
  const port = await openTestPort({ handler, onError: (error) => errors.push(error) });
  const response = await fetch(port.url);
  expect(response.status).toBe(500);
  expect(errors).toEqual([new Error("a bug")]);
});

test("HTTP/2 headers that are too large end their stream but not the connection", async () => {
  const port = await openImpatientPort();
  const session = openSession(port.url);
  await once(session, "remoteSettings");
  expect(session.remoteSettings).toMatchObject({
    maxConcurrentStreams: defaultLimits.maxStreams,
    maxHeaderListSize: defaultLimits.maxHeaderBytes,
  });
  const large = session.request({ ":path": "/", x: "y".repeat(defaultLimits.maxHeaderBytes) });
  await expect(once(large, "response")).rejects.toThrow();
  expect(await text(call(session, "{}"))).toBe('{"status":"SERVING"}');
  expect(await port.refusals()).toEqual([]);
});

test("HTTP/2 headers that are too large get status 431 even before the client knows the limit", async () => {
  let handled = 0;
  const handler: Handler = (_request, response) => {
    handled += 1;
    response.end();
  };
  const { url } = await openTestPort({ handler });
  // Node enforces its setting only after the client has acknowledged it. So each request is the first of its connection.
  const statusOf = async (count: number, size: number) => {
    const session = openSession(url);
    const values = Array.from({ length: count }, (_, n) => [`x-${n}`, "v".repeat(size)]);
    const [headers] = await once(session.request(Object.fromEntries(values)), "response");
    return headers[":status"];
  };
  // RFC 9113, 6.5.2: a header counts the bytes of its name and its value, and 32 more.
  expect(await statusOf(60, 200)).toBe(200);
  expect(await statusOf(60, 300)).toBe(431);
  expect(await statusOf(60, 1_000)).toBe(431);
  expect(handled).toBe(1);
});

test.each(["application/json", "application/proto"])(
  "a message above the size limit is refused, in %s",
  async (type) => {
    const port = await openTestPort({ handler: health });
    const client = createClient(
      Health,
      createConnectTransport({
        baseUrl: port.url,
        httpVersion: "1.1",
        useBinaryFormat: type === "application/proto",
      }),
    );
    await expect(client.check({ service: "x".repeat(65 * 1024) })).rejects.toMatchObject({
      code: Code.ResourceExhausted,
    });
  },
);

test("a compression bomb is refused and takes less than 16 MiB of memory", async () => {
  const port = await openTestPort({ handler: health });
  const bomb = gzipSync(Buffer.alloc(50 * 1024 * 1024, " "));
  const before = process.memoryUsage();
  const response = await fetch(`${port.url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json", "content-encoding": "gzip" },
    body: bomb,
  });
  expect(await response.json()).toMatchObject({ code: "resource_exhausted" });
  const { arrayBuffers } = process.memoryUsage();
  expect(arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 1024 * 1024);
});

test("hundreds of hostile clients are each reported once and leave no socket open, and the next client is served", async () => {
  const port = await openTestPort({ handler: health, limits: { ...shortLimits, idleTimeoutMs: 60_000 } });
  const socketsOpen = () => process.getActiveResourcesInfo().filter((kind) => kind.startsWith("TCP")).length;
  const before = socketsOpen();
  const attacks = ["", check, "noise\r\n\r\n", `${preface}noise noise noise`];
  const raws = await Promise.all(
    Array.from({ length: 400 }, (_, i) =>
      connectRaw(port.port, attacks[i % 4], { localAddress: `127.0.0.${2 + (i % 8)}` }),
    ),
  );
  await Promise.all(raws.map(({ closed }) => closed));
  const client = createClient(Health, createConnectTransport({ baseUrl: port.url, httpVersion: "1.1" }));
  expect((await client.check({})).status).toBe(ServingStatus.SERVING);
  expect(socketsOpen() - before).toBeLessThan(10);
  const reasons = (await port.refusals()).map(({ reason }) => reason).sort();
  const each = ["http2_error", "not_http", "silent", "slow_request"];
  expect(reasons).toEqual(each.flatMap((reason) => Array.from({ length: 100 }, () => reason)));
});

function settingsFrame(entries: number): string {
  const payload = Buffer.alloc(entries * 6);
  for (let i = 0; i < entries; i++) payload.writeUInt16BE(0x3, i * 6);
  const header = Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]);
  header.writeUIntBE(payload.length, 0, 3);
  return Buffer.concat([header, payload]).toString("latin1");
}
