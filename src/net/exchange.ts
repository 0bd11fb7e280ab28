import type { IncomingMessage, ServerResponse } from "node:http";
import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { Socket } from "node:net";
import type { Limits } from "./limits.ts";
import type { RefusalReason } from "./refusal.ts";

/** A request of either HTTP version. */
export type Request = IncomingMessage | Http2ServerRequest;
/** The response to a request of either HTTP version. */
export type Response = ServerResponse | Http2ServerResponse;
/** Answers requests of either HTTP version. */
export type Handler = (request: Request, response: Response) => void;

/** What an exchange asks of the port that it runs on. */
export type ExchangeHooks = {
  /** A client is too slow; whatever else happens to its connection is up to the port. */
  tooSlow: (request: Request, reason: RefusalReason) => void;
  /** The handler threw: a bug. */
  failed: (error: unknown) => void;
};

/** The requests under way on a port. */
export type Exchanges = ReturnType<typeof createExchanges>;

/** Runs a handler so that no request can crash the process or stay for ever, and all can be asked to be the last. */
export function createExchanges(handler: Handler, limits: Limits, hooks: ExchangeHooks) {
  const open = new Map<Socket, ServerResponse>();
  const isAddressed = createAddressCheck();
  let draining = false;
  return {
    handler(request: Request, response: Response): void {
      watch(request, response, limits, hooks.tooSlow);
      // Node tells a request that its connection broke only if somebody listens, but looks for listeners a moment
      // before it tells. Handlers that are done in between would leave the error to crash the process.
      request.on("error", () => {});
      if (isHttp2(response)) endAfterAnswer(response, limits.lingerMs);
      else if (request.socket) trackHttp1(request.socket, response);
      try {
        // Handlers build a URL of these two, and throw where there is none.
        if (isAddressed(request)) handler(request, response);
        else end(response, 400);
      } catch (error) {
        end(response, 500);
        hooks.failed(error);
      }
    },
    /** Says whether an HTTP/1 connection is in the middle of an answer, where nothing else may be written. */
    isAnswering(socket: Socket): boolean {
      return open.get(socket)?.headersSent ?? false;
    },
    /** Makes every answer under way, and any that still begins, the last of its HTTP/1 connection. */
    drain(): void {
      draining = true;
      for (const response of open.values()) endConnectionWith(response);
    },
  };

  function trackHttp1(socket: Socket, response: ServerResponse): void {
    open.set(socket, response);
    if (draining) endConnectionWith(response);
    response.once("close", () => {
      if (open.get(socket) === response) open.delete(socket);
      if (draining) socket.destroySoon();
    });
  }
}

function watch(
  request: Request,
  response: Response,
  limits: Limits,
  tooSlow: ExchangeHooks["tooSlow"],
): void {
  let wasEnded = false;
  const timer = setInterval(() => {
    // A request that is being answered may stay open: so do the streams that go both ways. Of HTTP/1, node takes care.
    const isAnswering = response.headersSent && !response.writableEnded;
    const isLate = isHttp2(response) && response.stream.state.remoteClose !== 1;
    if (isLate && !isAnswering) stop("slow_request");
    // Twice, so that an answer given just now has its time as well.
    else if (response.writableEnded && wasEnded) stop("slow_reader");
    wasEnded = response.writableEnded;
  }, limits.requestTimeoutMs);
  timer.unref();
  // HTTP/2 streams outlive their response while the client still sends.
  const lifetime = isHttp2(response) ? response.stream : response;
  lifetime.once("close", () => clearInterval(timer));

  function stop(reason: RefusalReason): void {
    clearInterval(timer);
    tooSlow(request, reason);
    if (isHttp2(response)) response.stream.close(constants.NGHTTP2_CANCEL);
    else request.socket.destroy();
  }
}

// RFC 9113, 8.1: whoever was answered before having sent everything may stop. Clients do, but leave the stream open, and
// would be taken for slow ones. They are given a moment to read the answer: not all read it once the stream is closed.
function endAfterAnswer({ stream }: Http2ServerResponse, lingerMs: number): void {
  stream.once("finish", () => {
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
export function isHttp2(response: Response): response is Http2ServerResponse {
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

function end(response: Response, status: number): void {
  if (!response.headersSent) response.statusCode = status;
  response.end();
}
