import {
  constants,
  type Http2SecureServer,
  type Http2Server,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import type { Activity } from "./admission.ts";
import { type FloodReason, type FloodWatch, watchFloods } from "./floods.ts";
import type { Limits } from "./limits.ts";
import type { Linger } from "./linger.ts";
import { type RefusedConnections, reasonOf } from "./refused-connections.ts";
import { createTurnCounters, type TurnCounters } from "./turn-counter.ts";

/** The HTTP/2 connections of a port. */
export type Http2Connections = ReturnType<typeof createHttp2Connections>;

/** Answers a stream. The arguments are those of node's `stream` event. */
export type AnswerStream = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, more: unknown[]) => void;

/** What following HTTP/2 connections needs. */
export type Http2ConnectionsOptions = {
  limits: Limits;
  refused: RefusedConnections;
  activity: Activity;
  linger: Linger;
  answer: AnswerStream;
};

type Tracked = { socket: Socket; end: () => void };

/** Follows the HTTP/2 connections of a server and answers their streams. Closes connections that are idle or misbehave. */
export function createHttp2Connections(
  server: Http2Server | Http2SecureServer,
  options: Http2ConnectionsOptions,
) {
  const { refused, linger } = options;
  const tracked = new Map<ServerHttp2Session, Tracked>();
  const counters = createTurnCounters();
  let latest: Socket | undefined;
  const remember = (socket: Socket) => {
    latest = socket;
  };

  // A session hides its socket, and its end may wait for the client for ever. Both servers create the session within one of
  // these events, so the latest socket is the session's.
  server.prependListener("connection", remember);
  server.prependListener("secureConnection", remember);
  server.on("session", (session: ServerHttp2Session) => {
    if (latest) tracked.set(session, track(session, latest, options, counters));
    session.once("close", () => tracked.delete(session));
  });
  server.on("sessionError", (error: Error, session: ServerHttp2Session) => {
    const socket = tracked.get(session)?.socket;
    if (!socket) return;
    const reason = reasonOf(error);
    if (reason) refused.report(socket, reason);
    linger(socket);
  });

  return {
    /** Returns the socket under a session. */
    socketOf: (session: ServerHttp2Session | undefined) => session && tracked.get(session)?.socket,
    /** Lets the streams of a session finish, and starts no new ones. */
    end: (session: ServerHttp2Session | undefined) => session && tracked.get(session)?.end(),
    /** Does the same for the streams of all sessions. */
    drain(): void {
      for (const { end } of tracked.values()) end();
    },
  };
}

function track(
  session: ServerHttp2Session,
  socket: Socket,
  { limits, refused, activity, linger, answer }: Http2ConnectionsOptions,
  counters: TurnCounters,
): Tracked {
  let streams = 0;
  let used = false;
  const floods = watchFloods(session, limits, counters, onFlood);
  let timer = setTimeout(onIdle, limits.headersTimeoutMs);
  socket.once("close", () => clearTimeout(timer));
  activity.onEvict(socket, () => close(constants.NGHTTP2_NO_ERROR));
  session.on("stream", onStream);
  return { socket, end };

  function onStream(stream: ServerHttp2Stream, headers: IncomingHttpHeaders, ...more: unknown[]): void {
    clearTimeout(timer);
    used = true;
    streams += 1;
    if (streams === 1) activity.begin(socket);
    const openedAt = performance.now();
    stream.once("close", () => leave(stream, openedAt));
    answerAt(floods.enter(stream), stream, () => answer(stream, headers, more));
  }

  function leave(stream: ServerHttp2Stream, openedAt: number): void {
    streams -= 1;
    if (streams === 0) {
      activity.end(socket);
      wait();
    }
    if (!session.destroyed) floods.leave(stream, openedAt);
  }

  function onFlood(reason: FloodReason): void {
    if (session.destroyed) return;
    refused.report(socket, reason);
    close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
  }

  function wait(): void {
    clearTimeout(timer);
    if (socket.destroyed) return;
    timer = setTimeout(onIdle, session.closed ? limits.lingerMs : limits.idleTimeoutMs);
  }

  function onIdle(): void {
    if (session.closed) {
      socket.destroy();
      return;
    }
    if (!used) refused.report(socket, "silent");
    end();
  }

  function close(code: number): void {
    session.destroy(undefined, code);
    linger(socket);
  }

  function end(): void {
    session.close();
    if (streams === 0) wait();
  }
}

function answerAt(
  start: ReturnType<FloodWatch["enter"]>,
  stream: ServerHttp2Stream,
  answer: () => void,
): void {
  if (start === "now") {
    answer();
    return;
  }
  // A stream that fails before it is answered has no other listener.
  stream.on("error", () => {});
  // By then, node has read what the client sent together with the stream, such as a reset.
  if (start === "later") setImmediate(() => stream.destroyed || answer());
}
