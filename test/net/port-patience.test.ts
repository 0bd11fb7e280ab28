import { once } from "node:events";
import { Http2ServerResponse } from "node:http2";
import { createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import {
  Health,
  HealthCheckResponse_ServingStatus as ServingStatus,
} from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import type { Handler } from "../../src/net/request.ts";
import { allTimeouts, call, openSession, status, text } from "../support/net/hostile.ts";
import { handlerOf, openTestPort, shortLimits } from "../support/net/net.ts";
import { serveHealth, serveReflection } from "../support/net/standard-services.ts";

test("a call in progress outlives every timeout of the port", async () => {
  const handler = handlerOf((router) => serveHealth(router, status));
  const port = await openTestPort({ handler, limits: shortLimits });
  const abort = new AbortController();
  const clients = [
    createClient(Health, createConnectTransport({ baseUrl: port.url, httpVersion: "1.1" })),
    createClient(Health, createGrpcTransport({ baseUrl: port.url })),
  ];
  const watchers = clients.map((client) =>
    client.watch({}, { signal: abort.signal })[Symbol.asyncIterator](),
  );
  for (const watcher of watchers) expect((await watcher.next()).value?.status).toBe(ServingStatus.SERVING);
  await allTimeouts(port);
  status.set("", false);
  for (const watcher of watchers)
    expect((await watcher.next()).value?.status).toBe(ServingStatus.NOT_SERVING);
  status.set("", true);
  abort.abort();
});

test("a bidirectional stream in progress outlives the request timeout", async () => {
  const port = await openTestPort({
    handler: handlerOf((router) => serveReflection(router)),
    limits: shortLimits,
  });
  const late = Promise.withResolvers<void>();
  async function* requests() {
    yield {};
    await late.promise;
    yield {};
  }
  const client = createClient(ServerReflection, createGrpcTransport({ baseUrl: port.url }));
  const responses = client.serverReflectionInfo(requests())[Symbol.asyncIterator]();
  expect((await responses.next()).done).toBe(false);
  await allTimeouts(port);
  late.resolve();
  expect((await responses.next()).done).toBe(false);
  expect((await responses.next()).done).toBe(true);
});

test("an HTTP/2 connection with a call in progress accepts further calls after every timeout", async () => {
  const handler: Handler = (request, response) => {
    if (!(response instanceof Http2ServerResponse)) return;
    response.write("begun");
    if (request.headers["content-type"] !== undefined) response.end();
  };
  const port = await openTestPort({ handler, limits: shortLimits });
  const session = openSession(port.url);
  const endless = session.request({ ":path": "/" });
  endless.on("error", () => {});
  await once(endless, "data");
  await allTimeouts(port);
  expect(await text(call(session, "{}"))).toBe("begun");
});
