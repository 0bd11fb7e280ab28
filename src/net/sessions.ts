import { constants, type Http2SecureServer, type Http2Server, type ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import type { Activity } from "./admission.ts";
import type { Limits } from "./limits.ts";
import type { Linger } from "./linger.ts";
import { type Refusals, reasonOf } from "./refusal.ts";

/** The HTTP/2 connections of a port. */
export type Sessions = ReturnType<typeof createSessions>;

/** What following HTTP/2 connections needs. */
export type SessionsOptions = {
  limits: Limits;
  refusals: Refusals;
  activity: Activity;
  linger: Linger;
};

type Tracked = { socket: Socket; end: () => void };

/** Follows the HTTP/2 connections of a server and ends those that do nothing, or nothing good. */
export function createSessions(server: Http2Server | Http2SecureServer, options: SessionsOptions) {
  const { limits, refusals, activity, linger } = options;
  const tracked = new Map<ServerHttp2Session, Tracked>();
  let latest: Socket | undefined;

  // A session hides its socket, and its end may wait on the client for ever. Both servers make it of the
  // connection within one of these events, so the connection just announced is the session's.
  server.prependListener("connection", remember);
  server.prependListener("secureConnection", remember);
  server.on("session", (session: ServerHttp2Session) => {
    if (latest) tracked.set(session, track(session, latest));
    session.once("close", () => tracked.delete(session));
  });
  server.on("sessionError", (error: Error, session: ServerHttp2Session) => {
    const socket = tracked.get(session)?.socket;
    if (!socket) return;
    const reason = reasonOf(error);
    if (reason) refusals.refuse(socket, reason);
    linger(socket);
  });

  return {
    /** The socket under a session. */
    socketOf: (session: ServerHttp2Session | undefined) => session && tracked.get(session)?.socket,
    /** Lets the streams of a session finish, and no new ones begin. */
    end: (session: ServerHttp2Session | undefined) => session && tracked.get(session)?.end(),
    /** Does so for all. */
    drain(): void {
      for (const { end } of tracked.values()) end();
    },
  };

  function remember(socket: Socket): void {
    latest = socket;
  }

  function track(session: ServerHttp2Session, socket: Socket): Tracked {
    let streams = 0;
    let used = false;
    const spendReset = createResetBudget(limits);
    let timer = setTimeout(onIdle, limits.headersTimeoutMs);
    session.on("stream", (stream) => {
      clearTimeout(timer);
      used = true;
      streams += 1;
      if (streams === 1) activity.begin(socket);
      stream.once("close", () => {
        streams -= 1;
        if (stream.rstCode === constants.NGHTTP2_CANCEL && !spendReset()) calm();
        if (streams > 0) return;
        activity.end(socket);
        wait();
      });
    });
    socket.once("close", () => clearTimeout(timer));
    activity.onEvict(socket, () => close(constants.NGHTTP2_NO_ERROR));
    return { socket, end };

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
      if (!used) refusals.refuse(socket, "silent");
      end();
    }

    function calm(): void {
      refusals.refuse(socket, "http2_error");
      close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
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
}

// Node has the same bound, but closes without a word to us: its own is the second line, at twice the burst.
function createResetBudget({ maxResetBurst, maxResetsPerSecond }: Limits): () => boolean {
  let left = maxResetBurst;
  let at = performance.now();
  return () => {
    const now = performance.now();
    left = Math.min(maxResetBurst, left + ((now - at) / 1000) * maxResetsPerSecond) - 1;
    at = now;
    return left >= 0;
  };
}
