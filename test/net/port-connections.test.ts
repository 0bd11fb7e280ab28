import { once } from "node:events";
import { connect as connectHttp2, constants } from "node:http2";
import { request as httpsRequest } from "node:https";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { connect as connectTls } from "node:tls";
import { createClient, type Transport } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { describe, expect, onTestFinished, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { defaultLimits, type Limits } from "../../src/net/limits.ts";
import { call, check, closeOf, health, openSession, status, text } from "../support/net/hostile.ts";
import { connectRaw, openTestPort, type Raw, selfSigned } from "../support/net/net.ts";

const attacker = "127.0.0.2";
const proxy = "127.0.0.3";
const serving = '{"status":"SERVING"}';
const complete = `${check}Content-Length: 2\r\n\r\n{}`;

/** Opens a port on which a new connection counts as idle at once. */
function openSmallPort(limits: Partial<Limits>, more: Partial<Parameters<typeof openTestPort>[0]> = {}) {
  const all = { ...defaultLimits, newConnectionGraceMs: 0, drainGraceMs: 200, ...limits };
  return openTestPort({ handler: health, limits: all, ...more });
}

/** Opens connections from one address that send nothing. */
async function openIdle(port: number, count: number, localAddress = attacker): Promise<Raw[]> {
  const raws: Raw[] = [];
  // They open one after the other, so the first one is idle for longest.
  while (raws.length < count) raws.push(await connectRaw(port, undefined, { localAddress }));
  return raws;
}

/** Sends a request. Resolves with the first part of the response. */
async function responseOn({ socket, write }: Raw, request: string): Promise<string> {
  const received = once(socket, "data");
  write(request);
  return String(await received);
}

async function isServed(url: string): Promise<boolean> {
  const response = await fetch(`${url}/grpc.health.v1.Health/Check`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: "{}",
  });
  return (await response.text()) === serving;
}

/** Returns whether the server still responds on a connection. */
async function responds(raw: Raw): Promise<boolean> {
  return (await Promise.race([responseOn(raw, complete), raw.closed])).includes(serving);
}

test("a port that is full of idle connections of one address still serves another address", async () => {
  const port = await openSmallPort({ maxConnections: 40 });
  const [oldest, ...others] = await openIdle(port.port, 40);
  expect(await isServed(port.url)).toBe(true);
  expect(await oldest?.closed).toBe("");
  expect(port.evictions).toEqual([{ reason: "too_many_connections", address: attacker }]);
  expect(await Promise.all(others.map(responds))).toEqual(others.map(() => true));
  expect(await port.refusals()).toEqual([]);
});

test("the port serves every call of another address during an endless flood of connections", async () => {
  const port = await openSmallPort({ maxConnections: 30, maxConnectionsPerAddress: 20 });
  const floods = ["127.0.0.4", "127.0.0.5"].map((address) => openIdle(port.port, 200, address));
  let flooding = true;
  const flood = Promise.all(floods).finally(() => {
    flooding = false;
  });
  while (flooding) {
    const transport = createConnectTransport({ baseUrl: port.url, httpVersion: "1.1" });
    expect((await createClient(Health, transport).check({})).status).toBe(ServingStatus.SERVING);
  }
  await flood;
  expect(await port.refusals()).toEqual([]);
});

test("a new connection of an address at its maximum replaces the longest idle connection of that address", async () => {
  const port = await openSmallPort({ maxConnectionsPerAddress: 3 });
  const [older, newer] = await openIdle(port.port, 2, "127.0.0.1");
  const [first, second, third] = await openIdle(port.port, 3);
  if (!older || !newer || !first || !second || !third) throw new Error("all connections must open");
  // After this request, the second connection is the longest idle one.
  expect(await responds(first)).toBe(true);
  const [fourth] = await openIdle(port.port, 1);
  expect(await second.closed).toBe("");
  expect(port.evictions).toEqual([{ reason: "too_many_from_address", address: attacker }]);
  for (const raw of [older, newer, first, third, fourth]) expect(raw && (await responds(raw))).toBe(true);
});

test("a new connection is refused if every connection that it could replace is busy or new", async () => {
  const limits = { maxConnections: 3, maxConnectionsPerAddress: 2, newConnectionGraceMs: 60_000 };
  const port = await openSmallPort(limits);
  const [idle] = await openIdle(port.port, 1);
  const busy = await connectRaw(port.port, `${check}Content-Length: 2\r\n\r\n{`, { localAddress: attacker });
  const [third] = await openIdle(port.port, 1);
  expect(await third?.closed).toBe("");
  const [other] = await openIdle(port.port, 1, "127.0.0.4");
  const [last] = await openIdle(port.port, 1, "127.0.0.5");
  expect(await last?.closed).toBe("");
  expect(await responseOn(busy, "}")).toContain(serving);
  for (const raw of [idle, other]) expect(raw && (await responds(raw))).toBe(true);
  expect(await port.refusals()).toEqual([
    { reason: "too_many_from_address", address: attacker },
    { reason: "too_many_connections", address: "127.0.0.5" },
  ]);
});

test("a new connection is not evicted during its grace period", async () => {
  const port = await openSmallPort({ maxConnectionsPerAddress: 1, newConnectionGraceMs: 50 });
  const [first] = await openIdle(port.port, 1);
  const [second] = await openIdle(port.port, 1);
  expect(await second?.closed).toBe("");
  // The loop ends when the grace period of the first connection is over.
  let replaced = false;
  void first?.closed.then(() => {
    replaced = true;
  });
  await expect.poll(async () => (await openIdle(port.port, 1)) && replaced, { interval: 10 }).toBe(true);
  // On a busy machine, the connection that replaced the first one may be replaced before the loop sees it.
  expect(port.evictions[0]).toEqual({ reason: "too_many_from_address", address: attacker });
});

const watchers: [name: string, transport: (baseUrl: string, ca?: Buffer) => Transport][] = [
  [
    "Connect over HTTP/1.1",
    (baseUrl, ca) =>
      createConnectTransport({ baseUrl, httpVersion: "1.1", nodeOptions: { localAddress: attacker, ca } }),
  ],
  [
    "gRPC",
    (baseUrl, ca) =>
      createGrpcTransport({ baseUrl, nodeOptions: { createConnection: (url) => connectFrom(url, ca) } }),
  ],
];

/** Connects from the attacker's address, for HTTP/2. */
function connectFrom({ port, hostname: host }: URL, ca?: Buffer): Duplex {
  const to = { port: Number(port), host, localAddress: attacker };
  return ca ? connectTls({ ...to, ca, ALPNProtocols: ["h2"] }) : connect(to);
}

describe.each([
  ["in plain text", undefined],
  ["over TLS", selfSigned()],
])("%s", (_, tls) => {
  test.each(watchers)("a connection with a live stream is never evicted: %s", async (_name, transport) => {
    const port = await openSmallPort({ maxConnections: 6, maxConnectionsPerAddress: 3 }, { tls });
    const abort = new AbortController();
    const client = createClient(Health, transport(port.url, tls?.cert));
    const watcher = client.watch({}, { signal: abort.signal })[Symbol.asyncIterator]();
    expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
    await openIdle(port.port, 10);
    await openIdle(port.port, 10, "127.0.0.4");
    status.set("", false);
    expect((await watcher.next()).value?.status).toBe(ServingStatus.NOT_SERVING);
    status.set("", true);
    abort.abort();
    expect(await port.refusals()).toEqual([]);
  });

  test("an idle connection can be evicted before its handshake, after it and after a request", async () => {
    const port = await openSmallPort({ maxConnections: 1 }, { tls });
    for (const httpVersion of ["1.1", "2"] as const) {
      await openIdle(port.port, 1);
      const transport = createConnectTransport({
        baseUrl: port.url,
        httpVersion,
        nodeOptions: { ca: tls?.cert },
      });
      const client = createClient(Health, transport);
      expect((await client.check({})).status).toBe(ServingStatus.SERVING);
      expect((await client.check({})).status).toBe(ServingStatus.SERVING);
    }
    expect(port.evictions.map(({ address }) => address)).toEqual([attacker, "127.0.0.1", attacker]);
    expect(await port.refusals()).toEqual([]);
  });
});

test("a connection with an incomplete request body is never evicted", async () => {
  const port = await openSmallPort({ maxConnections: 4, maxConnectionsPerAddress: 3 });
  const raw = await connectRaw(port.port, `${check}Content-Length: 2\r\n\r\n{`, { localAddress: attacker });
  const session = connectHttp2(port.url, { createConnection: (url) => connectFrom(url) });
  onTestFinished(() => session.destroy());
  const stream = call(session);
  stream.write("{");
  await once(session, "remoteSettings");
  await openIdle(port.port, 10);
  await openIdle(port.port, 10, "127.0.0.4");
  expect(await responseOn(raw, "}")).toContain(serving);
  stream.end("}");
  expect(await text(stream)).toBe(serving);
});

test("an evicted HTTP/2 connection gets GOAWAY before it is closed", async () => {
  const port = await openSmallPort({ maxConnections: 1 });
  const session = openSession(port.url);
  expect(await text(call(session, "{}"))).toBe(serving);
  const goaway = once(session, "goaway");
  await openIdle(port.port, 1);
  expect((await goaway)[0]).toBe(constants.NGHTTP2_NO_ERROR);
  await closeOf(session);
  expect(port.evictions).toEqual([{ reason: "too_many_connections", address: "127.0.0.1" }]);
});

test("exempt addresses have no maximum, and their connections are evicted last", async () => {
  const isExempt = (address: string) => address === proxy;
  const port = await openSmallPort({ maxConnections: 8, maxConnectionsPerAddress: 2 }, { isExempt });
  const proxied = await openIdle(port.port, 6, proxy);
  const [first, second] = await openIdle(port.port, 2);
  await openIdle(port.port, 1, "127.0.0.4");
  expect(await first?.closed).toBe("");
  expect(port.evictions).toEqual([{ reason: "too_many_connections", address: attacker }]);
  for (const raw of [...proxied, second]) expect(raw && (await responds(raw))).toBe(true);
});

test("a TLS client without a handshake counts as a connection and can be evicted", async () => {
  const tls = selfSigned();
  const port = await openSmallPort({ maxConnections: 5 }, { tls });
  const [oldest] = await openIdle(port.port, 5);
  const request = httpsRequest(`${port.url}/nowhere`, { ca: tls.cert, agent: false });
  request.end();
  const [response] = await once(request, "response");
  expect(response.statusCode).toBe(404);
  expect(await oldest?.closed).toBe("");
  expect(port.evictions).toEqual([{ reason: "too_many_connections", address: attacker }]);
});
