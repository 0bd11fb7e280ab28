import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import { hasOneHost } from "./host.ts";
import type { Limits } from "./limits.ts";
import { createPipelines, type PipelineHooks } from "./pipelines.ts";
import { hideMalformed } from "./protocol-headers.ts";
import type { RefusalReason } from "./refusal.ts";
import type { HandlerOf, Request, Response } from "./request.ts";
import type { StreamResponse } from "./stream-exchange.ts";

/** What an exchange asks of the port that it runs on. */
export type ExchangeHooks = Pick<PipelineHooks, "began" | "ended"> & {
  /** A client is refused; the exchange ends its connection. */
  refused: (socket: Socket, reason: RefusalReason) => void;
  /** A client is too slow; whatever else happens to its connection is up to the port. */
  tooSlow: (request: Request, reason: RefusalReason) => void;
  /** The handler threw: a bug. */
  failed: (error: unknown) => void;
};

/** The requests under way on a port. */
export type Exchanges = ReturnType<typeof createExchanges>;

interface Exchange {
  request: Request;
  response: Response;
  /** The first sweep that it is old enough for. */
  dueAt: number;
  wasEnded: boolean;
}

// How often within the patience that a request gets it is looked whether that is over.
const sweeps = 5;

/** Runs handlers so that no request can crash the process or stay for ever, and all can be asked to be the last. */
export function createExchanges(limits: Limits, hooks: ExchangeHooks) {
  const open = createRoster<Exchange>();
  const isAddressed = createAddressCheck();
  const pipelines = createPipelines(limits, {
    began: hooks.began,
    ended: hooks.ended,
    flooded(socket, reason) {
      hooks.refused(socket, reason);
      socket.destroy();
    },
  });
  let draining = false;
  // One timer for all: one for each was a measurable part of an answer.
  let sweep = 0;
  const timer = setInterval(() => {
    sweep += 1;
    for (const exchange of open.all()) if (exchange.dueAt <= sweep) inspect(exchange);
  }, limits.requestTimeoutMs / sweeps);
  timer.unref();

  return {
    /** A handler within these bounds. */
    guard<Q extends Request, S extends Response>(handler: HandlerOf<Q, S>): HandlerOf<Q, S> {
      return (request, response) => {
        if (isHttp2(response)) run(handler, request, response);
        else {
          // Also for the time before it starts: node tells of a broken connection.
          request.on("error", () => {});
          pipelines.enter(request as IncomingMessage, response, () => run(handler, request, response));
        }
      };
    },
    /** Says whether an HTTP/1 connection is in the middle of an answer, where nothing else may be written. */
    isAnswering(socket: Socket): boolean {
      return open.all().some(({ request, response }) => request.socket === socket && response.headersSent);
    },
    /** Makes every answer under way, and any that still begins, the last of its HTTP/1 connection. */
    drain(): void {
      draining = true;
      for (const { response } of open.all()) if (!isHttp2(response)) endConnectionWith(response);
    },
    /** Once nothing is under way. */
    close(): void {
      clearInterval(timer);
    },
  };

  function run<Q extends Request, S extends Response>(
    handler: HandlerOf<Q, S>,
    request: Q,
    response: S,
  ): void {
    begin(request, response);
    try {
      // Handlers build a URL of these two, and throw where there is none.
      if (hasOneHost(request) && isAddressed(request)) {
        hideMalformed(request);
        handler(request, response);
      } else refuse(response);
    } catch (error) {
      end(response, 500);
      hooks.failed(error);
    }
  }

  function begin(request: Request, response: Response): void {
    const exchange = { request, response, dueAt: sweep + sweeps + 1, wasEnded: false };
    const http1 = "stream" in request ? undefined : request.socket;
    const leave = open.enter(exchange);
    // HTTP/2 streams outlive their response while the client still sends.
    const lifetime = isHttp2(response) ? response.stream : response;
    lifetime.on("close", () => {
      leave();
      if (draining) http1?.destroySoon();
    });
    // Node tells a request that its connection broke only if somebody listens, but looks for listeners a moment
    // before it tells. Handlers that are done in between would leave the error to crash the process.
    request.on("error", () => {});
    if (isHttp2(response)) endAfterAnswer(response, limits.lingerMs);
    else if (draining) endConnectionWith(response);
  }

  function inspect(exchange: Exchange): void {
    const { response, wasEnded } = exchange;
    exchange.dueAt = sweep + sweeps;
    exchange.wasEnded = response.writableEnded;
    // A request that is being answered may stay open: so do the streams that go both ways. Of HTTP/1, node takes care.
    const isAnswering = response.headersSent && !response.writableEnded;
    const isLate = isHttp2(response) && response.stream.state.remoteClose !== 1;
    if (isLate && !isAnswering) stop(exchange, "slow_request");
    // Twice, so that an answer given just now has its time as well.
    else if (response.writableEnded && wasEnded) stop(exchange, "slow_reader");
  }

  function stop(exchange: Exchange, reason: RefusalReason): void {
    const { request } = exchange;
    exchange.dueAt = Number.POSITIVE_INFINITY;
    hooks.tooSlow(request, reason);
    if ("stream" in request) request.stream.close(constants.NGHTTP2_CANCEL);
    else request.socket.destroy();
  }
}

// A set of what comes and goes so often keeps much of it from being collected: V8 makes it anew again and again, and what
// the old one held lives on with it until a full collection.
function createRoster<T>() {
  const places: (T | undefined)[] = [];
  const free: number[] = [];
  return {
    /** Enters something, and returns how it leaves. */
    enter(item: T): () => void {
      const place = free.pop() ?? places.length;
      places[place] = item;
      return () => {
        places[place] = undefined;
        free.push(place);
      };
    },
    all: (): T[] => places.filter((item) => item !== undefined),
  };
}

// RFC 9113, 8.1: whoever was answered before having sent everything may stop. Clients do, but leave the stream open, and
// would be taken for slow ones. They are given a moment to read the answer: not all read it once the stream is closed.
function endAfterAnswer({ stream }: Http2ServerResponse | StreamResponse, lingerMs: number): void {
  stream.on("finish", () => {
    if (stream.readableEnded) return;
    const timer = setTimeout(() => {
      stream.close(constants.NGHTTP2_NO_ERROR);
      // Node would wait for somebody to read what has already arrived.
      stream.destroy();
    }, lingerMs);
    stream.once("close", () => clearTimeout(timer));
  });
}

/** Tells the two kinds of response apart. */
export function isHttp2(response: Response): response is Http2ServerResponse | StreamResponse {
  return "stream" in response;
}

function endConnectionWith(response: ServerResponse): void {
  if (!response.headersSent) response.setHeader("Connection", "close");
}

// Parsing takes long, and most requests have the authority of the one before.
function createAddressCheck(): (request: Request) => boolean {
  let known: string | undefined;
  return (request) => {
    const url = request.url ?? "";
    const authority = authorityOf(request);
    if (authority === known && plainPath.test(url)) return true;
    if (!URL.canParse(url, `http://${authority}`)) return false;
    known = authority;
    return true;
  };
}

// What follows any authority as its path.
const plainPath = /^\/[\w.-][\w./-]*$/;

function authorityOf(request: Request): string {
  return "authority" in request ? request.authority : (request.headers.host ?? "");
}

// The connection ends, because a proxy before us may have read the request in another way.
function refuse(response: Response): void {
  if (!isHttp2(response)) endConnectionWith(response);
  end(response, 400);
}

function end(response: Response, status: number): void {
  if (!response.headersSent) response.statusCode = status;
  response.end();
}
