import { createServer as createHttp1Server, type Server } from "node:http";
import {
  createServer as createHttp2Server,
  createSecureServer,
  type Http2SecureServer,
  type Http2Server,
} from "node:http2";
import type { Socket } from "node:net";
import { countResets } from "./frames.ts";
import type { Limits } from "./limits.ts";
import type { Refusals } from "./refusal.ts";
import { sniff } from "./sniff.ts";

/** A certificate chain and its key, in PEM. */
export type Tls = { cert: Buffer; key: Buffer };

/** The servers behind one port. */
export type Servers = {
  /** Listens, and speaks HTTP/1. */
  front: Server | Http2SecureServer;
  /** Speaks HTTP/2; with TLS the same server. */
  http2: Http2Server | Http2SecureServer;
  /** Closes the connections that have not shown what they speak. */
  closeUnknown(): void;
};

/** Makes the servers behind one port: HTTP/1.1 and HTTP/2 told apart by ALPN. */
export function createTlsServers(tls: Tls, limits: Limits): Servers {
  const server = createSecureServer({
    ...tls,
    ...http1Options(limits),
    ...http2Options(limits),
    minVersion: "TLSv1.2",
    allowHTTP1: true,
    handshakeTimeout: limits.prefaceTimeoutMs,
  });
  return { front: server, http2: server, closeUnknown: () => {} };
}

/** Makes the servers behind one port: HTTP/1.1 and HTTP/2 told apart by the first bytes. */
export function createPlainServers(limits: Limits, refusals: Refusals): Servers {
  const http2 = createHttp2Server(http2Options(limits));
  const front = createHttp1Server(http1Options(limits));
  front.maxHeadersCount = limits.maxHeaders;
  // Node enforces the HTTP/1 timeouts of a listening server only, so that one has to be in front, and lets
  // HTTP/2 pass before its own listeners see the connection.
  const speakHttp1 = front.listeners("connection");
  front.removeAllListeners("connection");
  const unknown = new Set<Socket>();
  front.on("connection", (socket: Socket) => {
    unknown.add(socket);
    socket.once("close", () => unknown.delete(socket));
    sniff(socket, limits.prefaceTimeoutMs, {
      http1() {
        unknown.delete(socket);
        for (const listener of speakHttp1) listener.call(front, socket);
      },
      http2(_, frames) {
        unknown.delete(socket);
        // Node reads all of this before we see a stream of it, so the budget of the connection would be too late.
        if (countResets(frames) > limits.maxResetBurst) {
          refusals.refuse(socket, "rapid_reset");
          socket.destroy();
          return;
        }
        // HTTP/1 servers keep half a connection open, which HTTP/2 would never close.
        socket.allowHalfOpen = false;
        http2.emit("connection", socket);
      },
      silent() {
        refusals.refuse(socket, "silent");
        socket.destroy();
      },
    });
  });
  return {
    front,
    http2,
    closeUnknown() {
      for (const socket of unknown) socket.destroy();
    },
  };
}

const nodeResetFactor = 10;

function http1Options(limits: Limits) {
  return {
    maxHeaderSize: limits.maxHeaderBytes,
    headersTimeout: limits.headersTimeoutMs,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: limits.idleTimeoutMs,
    connectionsCheckingInterval: limits.checkIntervalMs,
  };
}

function http2Options(limits: Limits) {
  return {
    maxSessionMemory: limits.maxSessionMegabytes,
    maxHeaderListPairs: limits.maxHeaders,
    maxSettings: limits.maxSettings,
    maxOutstandingPings: limits.maxOutstandingPings,
    maxSessionInvalidFrames: limits.maxInvalidFrames,
    maxSessionRejectedStreams: limits.maxRejectedStreams,
    // Node counts every reset, also those of answered and of long streams, and looks only after it has handled all that
    // it read. Both make it a second line: what it allows is far more than our own budget.
    streamResetBurst: nodeResetFactor * limits.maxResetBurst,
    streamResetRate: nodeResetFactor * limits.maxResetBurst,
    settings: {
      maxConcurrentStreams: limits.maxStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
    },
  };
}
