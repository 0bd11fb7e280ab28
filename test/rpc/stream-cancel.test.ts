import { Agent } from "node:http";
import { createClient, type Transport } from "@connectrpc/connect";
import {
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { Health } from "../../gen/grpc/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { useApp } from "../support/app.ts";
import { serve } from "../support/net/http.ts";

const app = useApp();

/** A client with its own connection, and a function that drops the connection. */
interface Peer {
  transport: Transport;
  drop(): void;
}

const http1 = (make: typeof createConnectTransport | typeof createGrpcWebTransport) => (baseUrl: string) => {
  const agent = new Agent({ keepAlive: true });
  return {
    transport: make({ baseUrl, httpVersion: "1.1", nodeOptions: { agent } }),
    drop: () => agent.destroy(),
  };
};
const http2 =
  (make: typeof createConnectTransport | typeof createGrpcTransport | typeof createGrpcWebTransport) =>
  (baseUrl: string) => {
    const sessionManager = new Http2SessionManager(baseUrl);
    return {
      transport: make({ baseUrl, httpVersion: "2", sessionManager }),
      drop: () => sessionManager.abort(),
    };
  };
const peers: Record<string, (baseUrl: string) => Peer> = {
  "Connect over HTTP/1.1": http1(createConnectTransport),
  "Connect over HTTP/2": http2(createConnectTransport),
  "gRPC-Web over HTTP/1.1": http1(createGrpcWebTransport),
  "gRPC-Web over HTTP/2": http2(createGrpcWebTransport),
  "gRPC over HTTP/2": http2(createGrpcTransport),
};

type Stream = (transport: Transport, signal: AbortSignal) => AsyncIterable<unknown>;
const streams: Record<string, { open: Stream; over: RegExp }> = {
  "Health/Watch": {
    open: (transport, signal) => createClient(Health, transport).watch({}, { signal }),
    over: /./,
  },
  reflection: {
    async *open(transport, signal) {
      async function* requests() {
        yield { host: "here", messageRequest: { case: "listServices", value: "" } as const };
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
      }
      yield* createClient(ServerReflection, transport).serverReflectionInfo(requests(), { signal });
    },
    // A bidirectional stream needs HTTP/2.
    over: /HTTP\/2/,
  },
};

const cases = Object.entries(streams).flatMap(([stream, { open, over }]) =>
  Object.entries(peers).flatMap(([protocol, connect]) =>
    over.test(protocol)
      ? ["cancels the call", "drops the connection"].map((end) => ({ stream, protocol, end, open, connect }))
      : [],
  ),
);

test.each(cases)(
  "a call of $stream whose client $end ($protocol) is logged as canceled, and not as a bug",
  async (one) => {
    const { url } = await serve(app);
    const before = app.logLines.length;
    const { transport, drop } = one.connect(url);
    const controller = new AbortController();
    const messages = one.open(transport, controller.signal)[Symbol.asyncIterator]();
    expect((await messages.next()).done).toBe(false);
    const next = messages.next().catch(() => {});
    if (one.end === "cancels the call") controller.abort();
    else drop();
    // This change makes the server send a message to the client that has just left.
    app.app.health.set("", !app.app.health.get(""));
    await next;
    controller.abort();
    drop();
    const lines = () => app.logLines.slice(before).map((line) => JSON.parse(line) as Record<string, unknown>);
    const named = (name: string) => () => lines().filter(({ msg }) => msg === name);
    await expect.poll(named("call")).toMatchObject([{ code: "canceled" }]);
    await expect.poll(named("a client canceled its call")).toMatchObject([{ level: 20 }]);
    expect(lines().filter(({ level }) => Number(level) >= 40)).toEqual([]);
  },
);
