import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { hasFittingHeaders } from "./header-size.ts";
import { createAddressCheck, hasOneHost } from "./host.ts";
import type { Limits } from "./limits.ts";
import { createPipelines, type PipelineHooks } from "./pipelines.ts";
import type { Probes } from "./probes.ts";
import { hideMalformed, shortenDeadlines } from "./protocol-headers.ts";
import type { RefusalReason } from "./refused-connections.ts";
import type { HandlerOf, Request, Response } from "./request.ts";
import { createRoster, type Roster } from "./roster.ts";
import type { StreamResponse } from "./stream-exchange.ts";

/** What exchanges report to their port. */
export type ExchangeHooks = Pick<PipelineHooks, "began" | "ended"> & {
  /** Called when the server refuses a client. The exchange closes its connection. */
  refused: (socket: Socket, reason: RefusalReason) => void;
  /** Called when a client is too slow. The exchange ends the request. The port decides about the connection. */
  tooSlow: (request: Request, reason: RefusalReason) => void;
  /** Called with what the handler threw, which is a bug. */
  failed: (error: unknown) => void;
  /** Answers a probe. Returns false for every other request. */
  probe: Probes;
};

/** The exchanges (requests with their responses) in progress on a port. */
export type Exchanges = ReturnType<typeof createExchanges>;

interface Exchange {
  request: Request;
  response: Response;
  /** The number of the first sweep that inspects it. */
  dueAt: number;
  /** Whether the response had already ended at the previous inspection. */
  wasEnded: boolean;
}

// How many sweeps fall into the request timeout. More sweeps make the timeout more exact.
const sweepsPerTimeout = 5;

/**
 * Runs handlers so that no request can crash the process or stay open for ever. Draining makes every response the last one
 * of its HTTP/1 connection.
 */
export function createExchanges(limits: Limits, hooks: ExchangeHooks) {
  const open = createRoster<Exchange>();
  const handleValid = createValidHandling();
  const sweeper = startSweeper(open, limits, hooks.tooSlow);
  const pipelines = createPipelines(limits, {
    began: hooks.began,
    ended: hooks.ended,
    flooded(socket, reason) {
      hooks.refused(socket, reason);
      socket.destroy();
    },
  });
  let draining = false;

  function run<Q extends Request, S extends Response>(
    handler: HandlerOf<Q, S>,
    request: Q,
    response: S,
  ): void {
    follow(open, { request, response, dueAt: sweeper.firstSweep(), wasEnded: false }, limits, () => draining);
    try {
      if (!hasFittingHeaders(request, limits.maxHeaderBytes)) end(response, 431);
      else if (!hasOneHost(request)) refuse(response);
      else if (!hooks.probe(request, response)) handleValid(handler, request, response);
    } catch (error) {
      end(response, 500);
      hooks.failed(error);
    }
  }

  return {
    /** Returns a handler that runs `handler` within these bounds. */
    guard<Q extends Request, S extends Response>(handler: HandlerOf<Q, S>): HandlerOf<Q, S> {
      return (request, response) => {
        if (isHttp2(response)) run(handler, request, response);
        else {
          // The connection may also break before the request starts.
          ignoreErrors(request);
          pipelines.enter(request as IncomingMessage, response, () => run(handler, request, response));
        }
      };
    },
    /** Returns whether an HTTP/1 connection is in the middle of a response. Then nothing else may be written to it. */
    isResponding(socket: Socket): boolean {
      return open.all().some(({ request, response }) => request.socket === socket && response.headersSent);
    },
    /** Makes every response in progress, and every later one, the last one of its HTTP/1 connection. */
    drain(): void {
      draining = true;
      for (const { response } of open.all()) if (!isHttp2(response)) endConnectionWith(response);
    },
    /** Stops the timer. The caller calls it when no request is in progress. */
    close: sweeper.stop,
  };
}

// Counts an exchange as open until it ends.
function follow(open: Roster<Exchange>, exchange: Exchange, limits: Limits, isDraining: () => boolean): void {
  const { request, response } = exchange;
  const http1 = "stream" in request ? undefined : request.socket;
  const leave = open.enter(exchange);
  // An HTTP/2 stream outlives its response while the client still sends.
  const lifetime = isHttp2(response) ? response.stream : response;
  lifetime.on("close", () => {
    leave();
    if (isDraining()) http1?.destroySoon();
  });
  ignoreErrors(request);
  if (isHttp2(response)) closeAfterResponse(response, limits.lingerMs);
  else if (isDraining()) endConnectionWith(response);
}

// Returns a function that runs a handler, or refuses a request without a valid address. Handlers build a URL from the host and the
// path, and throw if that is not possible.
function createValidHandling() {
  const hasValidAddress = createAddressCheck();
  return <Q extends Request, S extends Response>(handler: HandlerOf<Q, S>, request: Q, response: S): void => {
    if (!hasValidAddress(request)) {
      refuse(response);
      return;
    }
    hideMalformed(request);
    shortenDeadlines(request);
    handler(request, response);
  };
}

// Ends the exchanges of slow clients. One timer serves all exchanges: a timer for each took a measurable part of the time
// of a response.
function startSweeper(open: Roster<Exchange>, limits: Limits, tooSlow: ExchangeHooks["tooSlow"]) {
  let sweep = 0;
  const timer = setInterval(() => {
    sweep += 1;
    for (const exchange of open.all()) if (exchange.dueAt <= sweep) inspect(exchange);
  }, limits.requestTimeoutMs / sweepsPerTimeout);
  timer.unref();

  function inspect(exchange: Exchange): void {
    const { response, wasEnded } = exchange;
    exchange.dueAt = sweep + sweepsPerTimeout;
    exchange.wasEnded = response.writableEnded;
    // A response that has begun may stay open, because streaming RPCs do. Node enforces the timeouts of HTTP/1 requests.
    const isResponding = response.headersSent && !response.writableEnded;
    const isIncomplete = isHttp2(response) && response.stream.state.remoteClose !== 1;
    if (isIncomplete && !isResponding) stop(exchange, "slow_request");
    // Two inspections, so that the client of a response that has just ended also has time to read it.
    else if (response.writableEnded && wasEnded) stop(exchange, "slow_reader");
  }

  function stop(exchange: Exchange, reason: RefusalReason): void {
    const { request } = exchange;
    exchange.dueAt = Number.POSITIVE_INFINITY;
    tooSlow(request, reason);
    if ("stream" in request) request.stream.close(constants.NGHTTP2_CANCEL);
    else request.socket.destroy();
  }

  return {
    /** Returns the number of the first sweep that inspects an exchange that begins now. */
    firstSweep: () => sweep + sweepsPerTimeout + 1,
    stop: () => clearInterval(timer),
  };
}

// Node emits the error of a broken connection on the request only if the request has a listener. It checks this a moment
// before it emits. If a handler removed its listener in between, the error would crash the process.
function ignoreErrors(request: Request): void {
  request.on("error", () => {});
}

// RFC 9113, 8.1: a client may stop sending after a complete response. Clients do so but leave the stream open, and would be
// treated as slow. They get a moment to read the response, because some cannot read it after the stream has closed.
function closeAfterResponse({ stream }: Http2ServerResponse | StreamResponse, lingerMs: number): void {
  stream.on("finish", () => {
    if (stream.readableEnded) return;
    const timer = setTimeout(() => {
      stream.close(constants.NGHTTP2_NO_ERROR);
      // Without this, node waits for a reader of the data that has arrived.
      stream.destroy();
    }, lingerMs);
    stream.once("close", () => clearTimeout(timer));
  });
}

/** Returns whether a response is an HTTP/2 response. */
export function isHttp2(response: Response): response is Http2ServerResponse | StreamResponse {
  return "stream" in response;
}

function endConnectionWith(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("Connection", "close");
}

// The connection ends, because a proxy before the server may have read the request differently.
function refuse(response: Response): void {
  if (!isHttp2(response)) endConnectionWith(response);
  end(response, 400);
}

function end(response: Response, status: number): void {
  if (!response.headersSent) response.statusCode = status;
  response.end();
}
