import type { IncomingHttpHeaders, ServerHttp2Session, ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import { createAdmission, type Eviction } from "./admission.ts";
import { createExchanges } from "./exchange.ts";
import { createHttp2Connections } from "./http2-connections.ts";
import type { Limits } from "./limits.ts";
import { createLinger } from "./linger.ts";
import { hostPort, listen } from "./listen.ts";
import { createRefusals, type Refusal, type RefusalReason, reasonOf } from "./refusal.ts";
import type { Handler, NodeRequest, NodeResponse, PlainHandler, Request } from "./request.ts";
import { createPlainServers, createTlsServers, type Tls } from "./servers.ts";
import { StreamRequest, StreamResponse } from "./stream-exchange.ts";

/** What a port needs. */
export type PortOptions = {
  host: string;
  /** 0 is any free one. */
  port: number;
  /** Absent: plain text. */
  tls?: Tls | undefined;
  handler: Handler;
  /** Beside the handler. */
  plain?: PlainHandler;
  limits: Limits;
  /** Whether connections of an address do not count against `maxConnectionsPerAddress`. Absent: all count. */
  isExempt?: (address: string) => boolean;
  /** Told once of every connection that was refused or cut off. */
  onRefusal?: (refusal: Refusal) => void;
  /** Called for every idle connection that was closed to make room for another one. */
  onEviction?: (eviction: Eviction) => void;
  /** Told of what the handler threw; the client was answered 500. */
  onError?: (error: unknown) => void;
};

/** A port that is open. */
export type Port = {
  host: string;
  port: number;
  url: string;
  /** Accepts nothing new, lets what is under way finish, and resolves with every socket closed, in `drainGraceMs` at most. */
  drain(): Promise<void>;
};

/**
 * Opens one port for HTTP/1.1 and HTTP/2, both in plain text or both over TLS (1.2 or later).
 * Rejects with one clear line where it cannot listen. No client can crash it or hold it for ever.
 */
export async function openPort(options: PortOptions): Promise<Port> {
  const { limits, tls } = options;
  const refusals = createRefusals(options.onRefusal);
  const { front, http2, closeUnknown } = tls
    ? createTlsServers(tls, limits)
    : createPlainServers(limits, refusals);
  const sockets = new Set<Socket>();
  const activity = createAdmission(front, {
    limits,
    refusals,
    isExempt: options.isExempt ?? (() => false),
    onEviction: options.onEviction ?? (() => {}),
  });
  const linger = createLinger(limits.lingerMs);
  const http2Connections = createHttp2Connections(http2, { limits, refusals, activity, linger, answer });
  const exchanges = createExchanges(limits, {
    began: activity.begin,
    ended: activity.end,
    refused: refusals.refuse,
    tooSlow,
    failed: options.onError ?? (() => {}),
  });

  const handle = exchanges.guard(options.handler);
  const handleContinue = exchanges.guard((request: NodeRequest, response: NodeResponse) => {
    response.writeContinue();
    options.handler(request, response);
  });
  const { takes, handler: answerPlain } = options.plain ?? { takes: () => false, handler: () => {} };
  const handlePlain = exchanges.guard(answerPlain);

  front.prependListener("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  front.prependListener("secureConnection", refusals.note);
  front.on("clientError", onClientError);
  for (const server of new Set([front, http2])) {
    server.on("request", handle);
    server.on("checkContinue", onCheckContinue);
  }
  const makeRequest = http2.listeners("stream");
  http2.removeAllListeners("stream");

  const address = await listen(front, options);
  let drained: Promise<void> | undefined;
  return {
    ...address,
    url: `${tls ? "https" : "http"}://${hostPort(address)}`,
    drain: () => {
      drained ??= drain();
      return drained;
    },
  };

  function answer(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, more: unknown[]): void {
    const request = new StreamRequest(stream, headers);
    if (takes(request)) {
      handlePlain(request, new StreamResponse(stream));
      // Streams stay in memory until a full collection, and so would all that listened to them.
      stream.on("close", () => stream.removeAllListeners());
    } else for (const listener of makeRequest) listener.call(http2, stream, headers, ...more);
  }

  // Node's own way throws, past every handler, where a client of HTTP/2 has left in the same breath; and in a pipeline
  // of HTTP/1 it writes the words into the middle of an answer. A request starts when its turn has come.
  function onCheckContinue(request: NodeRequest, response: NodeResponse): void {
    request.on("error", () => {});
    if ("stream" in request && request.stream.destroyed) return;
    handleContinue(request, response);
  }

  function tooSlow(request: Request, reason: RefusalReason): void {
    if (!("stream" in request)) {
      refusals.refuse(request.socket, reason);
      return;
    }
    const session = request.stream.session as ServerHttp2Session | undefined;
    const socket = http2Connections.socketOf(session);
    if (!socket) return;
    refusals.refuse(socket, reason);
    // Others may share the connection, so their streams may finish; one that reads nothing cannot even be told.
    http2Connections.end(session);
    if (reason === "slow_reader") linger(socket);
  }

  function onClientError(error: Error, socket: Socket): void {
    const reason = reasonOf(error);
    if (reason) refusals.refuse(socket, reason);
    const answer = reason && answers[reason];
    if (!answer || !socket.writable || exchanges.isAnswering(socket)) {
      socket.destroy();
      return;
    }
    socket.end(`HTTP/1.1 ${answer}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    linger(socket);
  }

  async function drain(): Promise<void> {
    const closed = new Promise((resolve) => front.close(resolve));
    closeUnknown();
    exchanges.drain();
    http2Connections.drain();
    const timer = setTimeout(() => {
      for (const socket of sockets) socket.destroy();
    }, limits.drainGraceMs);
    await closed;
    clearTimeout(timer);
    exchanges.close();
  }
}

// RFC 9110 and 6585. Whoever fails at TLS or HTTP/2 is not told in HTTP/1.
const answers: Partial<Record<RefusalReason, string>> = {
  slow_request: "408 Request Timeout",
  headers_too_large: "431 Request Header Fields Too Large",
  not_http: "400 Bad Request",
};
