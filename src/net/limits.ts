/** What one client may cost. Every size and time of the network edge has its name here, and nowhere else. */
export type Limits = {
  /** Bytes of one request message, after decompression. */
  readonly maxMessageBytes: number;
  /** Bytes of all headers of one request. */
  readonly maxHeaderBytes: number;
  /** Headers of one request. */
  readonly maxHeaders: number;
  /** Milliseconds the longest deadline that a caller may ask for. */
  readonly maxRpcTimeoutMs: number;

  /** Connections at a time, over all clients. One more replaces an idle one, or is refused. */
  readonly maxConnections: number;
  /** Connections at a time from one address (IPv6: one /64 network). One more replaces an idle one, or is refused. */
  readonly maxConnectionsPerAddress: number;
  /** Milliseconds after which a new connection without a complete request header counts as idle. */
  readonly newConnectionGraceMs: number;
  /** Milliseconds in which a new connection must show what it speaks (or finish its TLS handshake). */
  readonly prefaceTimeoutMs: number;
  /** Milliseconds in which the headers of a request must be complete; on HTTP/2, of the connection's first one. */
  readonly headersTimeoutMs: number;
  /** Milliseconds in which a request must be complete or being answered, and a finished answer be taken. */
  readonly requestTimeoutMs: number;
  /** Requests of one HTTP/1 connection that have arrived and are not answered. They start one after the other. */
  readonly maxPipelinedRequests: number;
  /** Milliseconds a connection may stay open with no request under way. */
  readonly idleTimeoutMs: number;
  /** Milliseconds between two looks for HTTP/1 requests that are late: the error of their timeouts. */
  readonly checkIntervalMs: number;
  /** Milliseconds a connection that is being closed may take to read its last bytes. */
  readonly lingerMs: number;
  /** Milliseconds that calls under way may take to finish while the server drains. */
  readonly drainGraceMs: number;

  /** HTTP/2 streams open at a time on one connection. */
  readonly maxStreams: number;
  /** Megabytes that one HTTP/2 connection may hold before it is refused further streams. */
  readonly maxSessionMegabytes: number;
  /** A stream that closes unanswered within this many milliseconds counts as a rapid reset. */
  readonly rapidResetMs: number;
  /**
   * Rapid resets that one HTTP/2 connection may have in a burst. Each stream that is answered allows one more, and so
   * does the passing of time. One reset too many closes the connection.
   */
  readonly maxResetBurst: number;
  /** Rapid resets per second that one HTTP/2 connection may have for long, if none of its streams is answered. */
  readonly maxResetsPerSecond: number;
  /** Rapid resets after which the streams of an HTTP/2 connection start only once its pending input has been read. */
  readonly maxTrustedResets: number;
  /** PING, SETTINGS and GOAWAY frames that one HTTP/2 connection may send within one turn of the event loop. */
  readonly maxControlFramesPerTurn: number;
  /** A piece of a request's body that is smaller is tiny. */
  readonly tinyPieceBytes: number;
  /** Tiny pieces of request bodies that one connection may send within one turn of the event loop. */
  readonly maxTinyPiecesPerTurn: number;
  /** Streams above `maxStreams` that one HTTP/2 connection may try to open before it is closed. */
  readonly maxRejectedStreams: number;
  /** Invalid HTTP/2 frames before the connection is closed. */
  readonly maxInvalidFrames: number;
  /** Entries of one HTTP/2 SETTINGS frame. */
  readonly maxSettings: number;
  /** HTTP/2 PINGs of ours that may go unanswered. */
  readonly maxOutstandingPings: number;
};

/**
 * The limits in production. Idle connections outlive the 60 s of the common load balancers, so that those close first.
 *
 * Connections per address: 256 carry 256 requests at a time over HTTP/1.1, and 25,600 over HTTP/2. Many browsers behind one
 * NAT share them without harm, because idle connections make room. A back-end with more HTTP/1.1 requests at a time needs a
 * higher setting. 40 addresses fill the table, so one attacker does not.
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
