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
import type { RefusedConnections } from "./refused-connections.ts";
import { sniff } from "./sniff.ts";

/** A certificate chain and its private key, in PEM. */
export type Tls = { cert: Buffer; key: Buffer };

/** The servers behind one port. */
export type Servers = {
  /** Listens, and serves HTTP/1. */
  front: Server | Http2SecureServer;
  /** Serves HTTP/2. With TLS, it is the same server. */
  http2: Http2Server | Http2SecureServer;
  /** Closes the connections whose HTTP version is not known yet. */
  closeUnknown(): void;
};

/** Creates the servers of a port with TLS. The client chooses HTTP/1.1 or HTTP/2 by ALPN. */
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

/** Creates the servers of a port without TLS. The first bytes of a connection show its HTTP version. */
export function createPlainServers(limits: Limits, refused: RefusedConnections): Servers {
  const http2 = createHttp2Server(http2Options(limits));
  const front = createHttp1Server(http1Options(limits));
  front.maxHeadersCount = limits.maxHeaders;
  // Node enforces the HTTP/1 timeouts only on a server that listens. So the HTTP/1 server listens, and passes HTTP/2
  // connections on before its own listeners see them.
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
        // Node reads all these frames before it emits the first stream, so the connection's budget would act too late.
        if (countResets(frames) > limits.maxResetBurst) {
          refused.report(socket, "rapid_reset");
          socket.destroy();
          return;
        }
        // An HTTP/1 server allows half-open connections. HTTP/2 would never close them.
        socket.allowHalfOpen = false;
        http2.emit("connection", socket);
      },
      silent() {
        refused.report(socket, "silent");
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
    // Node counts every reset, including those of long streams and of streams with a response. It checks the count only
    // after it has handled all the input. So its limit is only a second line of defence, far above our own budget.
    streamResetBurst: nodeResetFactor * limits.maxResetBurst,
    streamResetRate: nodeResetFactor * limits.maxResetBurst,
    settings: {
      maxConcurrentStreams: limits.maxStreams,
      maxHeaderListSize: limits.maxHeaderBytes,
      enablePush: false,
    },
  };
}
