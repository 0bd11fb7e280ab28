import { once } from "node:events";
import { ServerResponse } from "node:http";
import { request as httpsRequest } from "node:https";
import { connect as connectTls } from "node:tls";
import { Code, ConnectError, createClient, type ServiceImpl, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";
import { describe, expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { openPort } from "../../src/net/port.ts";
import type { Handler } from "../../src/net/request.ts";
import { createHealthStatus } from "../../src/net/standard-services/health.ts";
import { connectRaw, handlerOf, openTestPort, selfSigned } from "../support/net/net.ts";
import { serveHealth } from "../support/net/standard-services.ts";

const status = createHealthStatus();
status.set("", true);
const health = handlerOf((router) => serveHealth(router, status));

const clients: [name: string, transport: (baseUrl: string, ca?: Buffer) => Transport][] = [
  [
    "Connect over HTTP/1.1",
    (baseUrl, ca) => createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { ca } }),
  ],
  [
    "Connect over HTTP/2",
    (baseUrl, ca) => createConnectTransport({ baseUrl, httpVersion: "2", nodeOptions: { ca } }),
  ],
  ["gRPC", (baseUrl, ca) => createGrpcTransport({ baseUrl, nodeOptions: { ca } })],
  [
    "gRPC-Web over HTTP/1.1",
    (baseUrl, ca) => createGrpcWebTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { ca } }),
  ],
  [
    "gRPC-Web over HTTP/2",
    (baseUrl, ca) => createGrpcWebTransport({ baseUrl, httpVersion: "2", nodeOptions: { ca } }),
  ],
];

describe.each(clients)("%s", (_, transport) => {
  test("a client is served in plain text", async () => {
    const port = await openTestPort({ handler: health });
    const client = createClient(Health, transport(port.url));
    expect((await client.check({})).status).toBe(ServingStatus.SERVING);
    const abort = new AbortController();
    const watcher = client.watch({}, { signal: abort.signal })[Symbol.asyncIterator]();
    expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
    abort.abort();
    expect(await port.refusals()).toEqual([]);
  });

  test("a client is served over TLS", async () => {
    const tls = selfSigned();
    const port = await openTestPort({ handler: health, tls });
    expect(port.url).toBe(`https://127.0.0.1:${port.port}`);
    const client = createClient(Health, transport(port.url, tls.cert));
    expect((await client.check({})).status).toBe(ServingStatus.SERVING);
    expect(await port.refusals()).toEqual([]);
  });

  test("a call in progress when the server begins to drain gets its response", async () => {
    const { implementation, begun, finish } = slowHealth();
    const port = await openTestPort({
      handler: handlerOf((router) => router.service(Health, implementation)),
    });
    const response = createClient(Health, transport(port.url)).check({});
    await begun;
    const drained = port.drain();
    finish();
    expect((await response).status).toBe(ServingStatus.SERVING);
    await drained;
  });

  test("an endless stream ends with `Unavailable` when the server shuts down", async () => {
    const shutdown = new AbortController();
    const handler = handlerOf((router) => serveHealth(router, status), {
      shutdownSignal: shutdown.signal,
    });
    const port = await openTestPort({ handler, limits: { ...defaultLimits, drainGraceMs: 60_000 } });
    const watcher = createClient(Health, transport(port.url)).watch({})[Symbol.asyncIterator]();
    await watcher.next();
    const end = watcher.next();
    const drained = port.drain();
    shutdown.abort(new ConnectError("shutting down", Code.Unavailable));
    await expect(end).rejects.toMatchObject({ code: Code.Unavailable });
    await drained;
  });

  test("a stream that never ends does not prolong a drain beyond its grace period", async () => {
    const { implementation } = slowHealth();
    const handler = handlerOf((router) => router.service(Health, implementation));
    const port = await openTestPort({ handler, limits: { ...defaultLimits, drainGraceMs: 100 } });
    const watcher = createClient(Health, transport(port.url)).watch({})[Symbol.asyncIterator]();
    await watcher.next();
    const end = watcher.next();
    end.catch(() => {});
    await port.drain();
    await expect(end).rejects.toThrow();
  });
});

test("a TLS client without ALPN is served over HTTP/1.1", async () => {
  const tls = selfSigned();
  const port = await openTestPort({ handler: health, tls });
  const request = httpsRequest(`${port.url}/nowhere`, { ca: tls.cert, agent: false });
  request.end();
  const [response] = await once(request, "response");
  expect(response.statusCode).toBe(404);
});

test("a TLS client with a version below 1.2 is refused", async () => {
  const tls = selfSigned();
  const port = await openTestPort({ handler: health, tls });
  const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
  const socket = connectTls({ host: "127.0.0.1", port: port.port, ca: tls.cert, ...old });
  const [error] = await once(socket, "error");
  expect(String(error.code)).toMatch(/PROTOCOL_VERSION/);
  expect(await port.refusals()).toEqual([{ reason: "tls_error", address: "127.0.0.1" }]);
});

test("a drain accepts no new connection, and closes idle ones long before the end of its grace period", async () => {
  const port = await openTestPort({ handler: health, limits: { ...defaultLimits, drainGraceMs: 60_000 } });
  await createClient(Health, createConnectTransport({ baseUrl: port.url, httpVersion: "1.1" })).check({});
  await createClient(Health, createGrpcTransport({ baseUrl: port.url })).check({});
  await connectRaw(port.port);
  await port.drain();
  await expect(connectRaw(port.port)).rejects.toMatchObject({ code: "ECONNREFUSED" });
});

test("an HTTP/1.1 response during a drain has `Connection: close`", async () => {
  const { implementation, begun, finish } = slowHealth();
  const handler = handlerOf((router) => router.service(Health, implementation));
  const port = await openTestPort({ handler, limits: { ...defaultLimits, drainGraceMs: 60_000 } });
  const path = "/grpc.health.v1.Health/Check";
  const raw = await connectRaw(
    port.port,
    `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n`,
  );
  raw.write("Content-Length: 2\r\n\r\n{}");
  await begun;
  const drained = port.drain();
  finish();
  expect(await raw.closed).toMatch(/\r\nConnection: close\r\n/i);
  await drained;
});

test("an HTTP/1.1 response that began before the drain is the last one of its connection", async () => {
  const begun = Promise.withResolvers<void>();
  const finish = Promise.withResolvers<void>();
  const handler: Handler = (_, response) => {
    if (!(response instanceof ServerResponse)) return;
    response.writeHead(200, { "content-length": "2" });
    response.write("h", () => begun.resolve());
    void finish.promise.then(() => response.end("i"));
  };
  const port = await openTestPort({ handler, limits: { ...defaultLimits, drainGraceMs: 60_000 } });
  const raw = await connectRaw(port.port, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  await begun.promise;
  const drained = port.drain();
  finish.resolve();
  expect(await raw.closed).toMatch(/\r\n\r\nhi$/);
  await drained;
});

test("a stream that its client cancelled does not prolong a drain", async () => {
  const port = await openTestPort({ handler: health, limits: { ...defaultLimits, drainGraceMs: 60_000 } });
  const abort = new AbortController();
  const client = createClient(Health, createGrpcTransport({ baseUrl: port.url }));
  const watcher = client.watch({}, { signal: abort.signal })[Symbol.asyncIterator]();
  await watcher.next();
  abort.abort();
  await expect(watcher.next()).rejects.toMatchObject({ code: Code.Canceled });
  await port.drain();
});

test("if the port cannot listen, the error is one line with the address and the reason", async () => {
  const port = await openTestPort({ handler: health });
  const other = { handler: health, limits: defaultLimits };
  await expect(openPort({ ...other, host: "127.0.0.1", port: port.port })).rejects.toThrow(
    `cannot listen on 127.0.0.1:${port.port}: the port is already in use`,
  );
  await expect(openPort({ ...other, host: "192.0.2.1", port: 0 })).rejects.toThrow(
    "cannot listen on 192.0.2.1:0: this machine has no such address",
  );
});

function slowHealth() {
  const begun = Promise.withResolvers<void>();
  const finished = Promise.withResolvers<void>();
  const implementation: Partial<ServiceImpl<typeof Health>> = {
    async check() {
      begun.resolve();
      await finished.promise;
      return { status: ServingStatus.SERVING };
    },
    async *watch() {
      yield { status: ServingStatus.SERVING };
      await finished.promise;
    },
  };
  return { implementation, begun: begun.promise, finish: finished.resolve };
}
