/** The limits of the network port. Every size and time of the port has its name here, and nowhere else. */
export type Limits = {
  /** Bytes of one request message, compressed or not. Most methods have a lower maximum, which follows from their schema. */
  readonly maxMessageBytes: number;
  /** Bytes of all headers of one request. */
  readonly maxHeaderBytes: number;
  /** Headers of one request. */
  readonly maxHeaders: number;
  /** The longest timeout, in milliseconds, that a caller may set. */
  readonly maxRpcTimeoutMs: number;

  /** Connections at a time, over all clients. A further connection replaces an idle one, or is refused. */
  readonly maxConnections: number;
  /** Connections at a time from one address (IPv6: one /64 network). A further one replaces an idle one, or is refused. */
  readonly maxConnectionsPerAddress: number;
  /** Milliseconds after which a new connection without a complete request header counts as idle. */
  readonly newConnectionGraceMs: number;
  /** Milliseconds in which a new connection must show its HTTP version, or finish its TLS handshake. */
  readonly prefaceTimeoutMs: number;
  /** Milliseconds in which the headers of a request must be complete. On HTTP/2: those of the connection's first request. */
  readonly headersTimeoutMs: number;
  /**
   * Milliseconds in which a request must be complete unless its response has begun. Also the milliseconds in which the
   * client must have read a complete response.
   */
  readonly requestTimeoutMs: number;
  /** Requests of one HTTP/1 connection that have arrived without a response. They start one after the other. */
  readonly maxPipelinedRequests: number;
  /** Milliseconds that a connection may stay open with no request in progress. */
  readonly idleTimeoutMs: number;
  /** Milliseconds between two checks for late HTTP/1 requests. Their timeouts are inexact by as much. */
  readonly checkIntervalMs: number;
  /** Milliseconds that the client of a closing connection has to read the last bytes. */
  readonly lingerMs: number;
  /** Milliseconds that calls in progress may take to finish while the server drains. */
  readonly drainGraceMs: number;

  /** HTTP/2 streams open at a time on one connection. */
  readonly maxStreams: number;
  /** Megabytes that one HTTP/2 connection may hold. Above that, node refuses its further streams. */
  readonly maxSessionMegabytes: number;
  /** A stream that closes without a response within this many milliseconds counts as a rapid reset. */
  readonly rapidResetMs: number;
  /**
   * Rapid resets that one HTTP/2 connection may have in a burst. Each stream with a response allows one more, and so does
   * the passing of time. One more reset than allowed closes the connection.
   */
  readonly maxResetBurst: number;
  /** Rapid resets per second that one HTTP/2 connection may have for ever, if none of its streams gets a response. */
  readonly maxResetsPerSecond: number;
  /** Rapid resets after which the streams of an HTTP/2 connection start only after its pending input has been read. */
  readonly maxTrustedResets: number;
  /** PING, SETTINGS and GOAWAY frames that one HTTP/2 connection may send within one turn of the event loop. */
  readonly maxControlFramesPerTurn: number;
  /** A smaller piece of a request body, in bytes, counts as tiny. */
  readonly tinyPieceBytes: number;
  /** Tiny pieces of request bodies that one connection may send within one turn of the event loop. */
  readonly maxTinyPiecesPerTurn: number;
  /** Streams above `maxStreams` that one HTTP/2 connection may try to open before it is closed. */
  readonly maxRejectedStreams: number;
  /** Invalid HTTP/2 frames before the connection is closed. */
  readonly maxInvalidFrames: number;
  /** Entries of one HTTP/2 SETTINGS frame. */
  readonly maxSettings: number;
  /** HTTP/2 PINGs of the server that may wait for a response. */
  readonly maxOutstandingPings: number;
};

/**
 * The limits in production. The idle timeout is longer than the 60 s of common load balancers, so that they close first.
 *
 * Connections per address: 256 connections carry 256 requests at a time over HTTP/1.1, and 25,600 over HTTP/2. Many browsers
 * behind one NAT can share them, because idle connections make room. A back-end with more HTTP/1.1 requests at a time needs
 * a higher setting. It takes 40 addresses to fill the table, so one attacker cannot fill it.
 *
 * Rapid resets: an honest client cancels because its deadline passed or because another server was faster. With 100 streams
 * at a time, cancelled after 250 ms or later, it never has a rapid reset. If it cancels sooner, it may cancel every second
 * stream for ever, or all its 100 streams at once. An attacker gets at most 101 streams for each connection, and only the
 * first 11 of them can start any work.
 */
export const defaultLimits: Limits = {
  maxMessageBytes: 1024 * 1024,
  maxHeaderBytes: 16 * 1024,
  maxHeaders: 100,
  maxRpcTimeoutMs: 600_000,

  maxConnections: 10_000,
  maxConnectionsPerAddress: 256,
  newConnectionGraceMs: 1_000,
  prefaceTimeoutMs: 5_000,
  headersTimeoutMs: 10_000,
  requestTimeoutMs: 30_000,
  maxPipelinedRequests: 100,
  idleTimeoutMs: 75_000,
  checkIntervalMs: 1_000,
  lingerMs: 1_000,
  drainGraceMs: 10_000,

  maxStreams: 100,
  maxSessionMegabytes: 10,
  rapidResetMs: 250,
  maxResetBurst: 100,
  maxResetsPerSecond: 33,
  maxTrustedResets: 10,
  maxControlFramesPerTurn: 100,
  tinyPieceBytes: 64,
  maxTinyPiecesPerTurn: 1_000,
  maxRejectedStreams: 100,
  maxInvalidFrames: 100,
  maxSettings: 32,
  maxOutstandingPings: 10,
};
