import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { createAdmission, type Eviction } from "./admission.ts";
import { createClientErrorListener } from "./client-error.ts";
import { createExchanges, type ExchangeHooks, type Exchanges } from "./exchange.ts";
import { createHttp2Connections, type Http2Connections } from "./http2-connections.ts";
import type { Limits } from "./limits.ts";
import { createLinger, type Linger } from "./linger.ts";
import { hostPort, listen } from "./listen.ts";
import { createProbeReserve } from "./probe-reserve.ts";
import { createProbes } from "./probes.ts";
import {
  createRefusedConnections,
  type RefusedConnection,
  type RefusedConnections,
} from "./refused-connections.ts";
import type { Handler, NodeRequest, NodeResponse, PlainHandler } from "./request.ts";
import { createPlainServers, createTlsServers, type Servers, type Tls } from "./servers.ts";
import { createStreamAnswer } from "./stream-answer.ts";

/** What a port needs. */
export type PortOptions = {
  host: string;
  /** 0 means any free port. */
  port: number;
  /** Unset: plain text. */
  tls?: Tls | undefined;
  handler: Handler;
  /** Answers the HTTP/2 requests that it accepts instead of `handler`. */
  plain?: PlainHandler;
  limits: Limits;
  /** Returns whether connections of an address do not count against `maxConnectionsPerAddress`. Unset: all count. */
  isExempt?: (address: string) => boolean;
  /** Returns whether `/readyz` succeeds. Unset: the port answers no probes. */
  isReady?: () => boolean;
  /** Called once for every connection that the port refused or closed. */
  onRefusal?: (refused: RefusedConnection) => void;
  /** Called for every idle connection that the port closed to make room for another one. */
  onEviction?: (eviction: Eviction) => void;
  /** Called with what the handler threw. The client got status 500. */
  onError?: (error: unknown) => void;
};

/** An open port. */
export type Port = {
  host: string;
  port: number;
  url: string;
  /**
   * Accepts no new connection and lets requests in progress finish. Resolves when every socket is closed, after
   * `drainGraceMs` at most.
   */
  drain(): Promise<void>;
};

/**
 * Opens one port for HTTP/1.1 and HTTP/2, both in plain text or both over TLS (1.2 or later). Rejects with one line if it
 * cannot listen. No client can crash the port, and no client can hold a connection for ever.
 */
export async function openPort(options: PortOptions): Promise<Port> {
  const { limits, tls, handler, isReady } = options;
  const refused = createRefusedConnections(options.onRefusal);
  const servers = tls ? createTlsServers(tls, limits) : createPlainServers(limits, refused);
  const { front, http2 } = servers;
  const activity = createAdmission(front, {
    limits,
    refused,
    isExempt: options.isExempt ?? (() => false),
    onEviction: options.onEviction ?? (() => {}),
    ...(isReady && !tls && { probes: createProbeReserve(isReady) }),
  });
  const linger = createLinger(limits.lingerMs);
  const http2Connections = createHttp2Connections(http2, {
    limits,
    refused,
    activity,
    linger,
    answer: (...stream) => answerStream(...stream),
  });
  const exchanges = createExchanges(limits, {
    began: activity.begin,
    ended: activity.end,
    refused: refused.report,
    tooSlow: createSlowClientHook(refused, http2Connections, linger),
    failed: options.onError ?? (() => {}),
    probe: isReady ? createProbes(isReady) : () => false,
  });
  const sockets = followSockets(servers, refused);
  front.on("clientError", createClientErrorListener(refused, exchanges, linger));
  for (const server of new Set([front, http2])) {
    server.on("request", exchanges.guard(handler));
    server.on("checkContinue", createContinueListener(exchanges, handler));
  }
  const answerStream = createStreamAnswer(http2, exchanges, options.plain);

  const address = await listen(front, options);
  let drained: Promise<void> | undefined;
  return {
    ...address,
    url: `${tls ? "https" : "http"}://${hostPort(address)}`,
    drain() {
      drained ??= drain({ servers, exchanges, http2Connections, sockets, limits });
      return drained;
    },
  };
}

function followSockets({ front }: Servers, refused: RefusedConnections): ReadonlySet<Socket> {
  const sockets = new Set<Socket>();
  front.prependListener("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  front.prependListener("secureConnection", refused.note);
  return sockets;
}

// Node's own way has two faults. On HTTP/2, it throws outside every handler if the client has disconnected at the same time.
// In an HTTP/1 pipeline, it writes `100 Continue` into the previous response. Here, the request first waits for its turn.
function createContinueListener(exchanges: Exchanges, handler: Handler) {
  const handle = exchanges.guard((request: NodeRequest, response: NodeResponse) => {
    response.writeContinue();
    handler(request, response);
  });
  return (request: NodeRequest, response: NodeResponse): void => {
    request.on("error", () => {});
    if ("stream" in request && request.stream.destroyed) return;
    handle(request, response);
  };
}

function createSlowClientHook(
  refused: RefusedConnections,
  http2Connections: Http2Connections,
  linger: Linger,
): ExchangeHooks["tooSlow"] {
  return (request, reason) => {
    if (!("stream" in request)) {
      refused.report(request.socket, reason);
      return;
    }
    const session = request.stream.session as ServerHttp2Session | undefined;
    const socket = http2Connections.socketOf(session);
    if (!socket) return;
    refused.report(socket, reason);
    // Other clients may share the connection, so its other streams may finish.
    http2Connections.end(session);
    // A client that reads nothing does not even read GOAWAY, so its connection gets a deadline.
    if (reason === "slow_reader") linger(socket);
  };
}

type Draining = {
  servers: Servers;
  exchanges: Exchanges;
  http2Connections: Http2Connections;
  sockets: ReadonlySet<Socket>;
  limits: Limits;
};

async function drain({ servers, exchanges, http2Connections, sockets, limits }: Draining): Promise<void> {
  const closed = new Promise((resolve) => servers.front.close(resolve));
  servers.closeUnknown();
  exchanges.drain();
  http2Connections.drain();
  const timer = setTimeout(() => {
    for (const socket of sockets) socket.destroy();
  }, limits.drainGraceMs);
  await closed;
  clearTimeout(timer);
  exchanges.close();
}
