import type { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import { isHttp2 } from "../exchange.ts";
import type { Handler, PlainHandler, Request, Response } from "../request.ts";
import { admit, type Form, headerReader } from "./admission.ts";
import { readBody } from "./body.ts";
import { callSignal } from "./call-signal.ts";
import type { Codec, FastPathGroup, FastPathMethod, FastPathOptions, Payload } from "./codec.ts";
import { connectCodec } from "./connect-codec.ts";
import { grpcCodec } from "./grpc-codec.ts";

const codecs: Record<Form, Codec> = { json: connectCodec(true), proto: connectCodec(false), grpc: grpcCodec };

/** The fast path, with and without the ordinary handler behind it. */
export interface FastPath {
  /** Answers requests that the fast path accepts, and passes all others to the ordinary handler. */
  handler: Handler;
  /** Answers only requests that the fast path accepts. */
  plain: PlainHandler;
}

/**
 * Creates the fast path: it answers plain calls of unary methods on node's own streams. It passes every other request to
 * `next` before it reads a byte of the body. Clients cannot see the difference, except that the fast path never compresses.
 */
export function createFastPath(
  groups: readonly FastPathGroup[],
  options: FastPathOptions,
  next: Handler,
): FastPath {
  const paths = pathsOf(groups);

  function tryAnswer(request: Request, response: Response): boolean {
    const path = paths.get(request.url ?? "");
    const form = path && admit(request, path.method.maxBytes);
    if (form) {
      path.turns.start(options.clientOf(request), () => {
        if (isOpen(response)) answer(path.method, form, options, request, response);
      });
    }
    return form !== undefined;
  }

  function accepts(request: Request): boolean {
    const path = paths.get(request.url ?? "");
    return path !== undefined && admit(request, path.method.maxBytes) !== undefined;
  }

  return {
    handler: (request, response) => tryAnswer(request, response) || next(request, response),
    plain: {
      accepts,
      handler: tryAnswer,
    },
  };
}

function pathsOf(groups: readonly FastPathGroup[]) {
  const paths = groups.flatMap(({ methods, turns }) =>
    methods.map((method) => [createMethodUrl("/", method.method), { method, turns }] as const),
  );
  return new Map(paths);
}

// Uses promises only where it must, so that a cached response is sent in the same turn of the event loop.
function answer(
  method: FastPathMethod,
  form: Form,
  options: FastPathOptions,
  request: Request,
  response: Response,
): void {
  const codec = codecs[form];
  const headers: Record<string, string> = {};
  const values = options.contextValues(request);
  const requestHeader = headerReader(request.headers);
  const timeout = codec.timeout(requestHeader, options.maxTimeoutMs);
  const end = timeout.timeoutMs === undefined ? undefined : performance.now() + timeout.timeoutMs;
  const timeoutMs = () => (end === undefined ? undefined : end - performance.now());
  const signal = () => callSignal(response, timeoutMs());
  const responseHeader = {
    set(name: string, value: string) {
      headers[name] = value;
    },
  };
  attempt(() => {
    const desc = method.method;
    const arrival = { service: desc.parent, method: desc, values, requestHeader, responseHeader, timeoutMs };
    const authorizing = method.authorize(arrival);
    if (authorizing) authorizing.then(read).catch(fail);
    else read();
  });

  function read(): void {
    if (timeout.error) throw timeout.error;
    readBody(streamOf(request, response), codec, method.maxBytes, (body) =>
      attempt(() => {
        const rechecking = method.recheck(values);
        if (rechecking) rechecking.then(() => respond(body)).catch(fail);
        else respond(body);
      }),
    );
  }

  function respond(body: Buffer): void {
    const cached = method.recall(form, body, values);
    if (cached === undefined) compute(body).then(send).catch(fail);
    else send(cached);
  }

  async function compute(body: Buffer): Promise<Payload> {
    const message = await codec.parse(method, body, options);
    const payload = codec.encode(
      method,
      await method.invoke(message, { values, timeoutMs, signal }),
      options,
    );
    method.keep(form, body, values, payload);
    return payload;
  }

  function send(payload: Payload): void {
    if (isOpen(response)) codec.send(response, headers, payload);
  }

  function attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      fail(error);
    }
  }

  function fail(error: unknown): void {
    if (!(error instanceof ConnectError)) options.onBug(error);
    const failure = error instanceof ConnectError ? error : new ConnectError("internal error", Code.Internal);
    try {
      method.failed(failure, values);
      if (isOpen(response)) codec.fail(response, headers, failure, options);
    } catch (bug) {
      options.onBug(bug);
      response.destroy();
    }
  }
}

// For HTTP/2, this is the stream itself, because node's request is a second stream on top of it.
function streamOf(request: Request, response: Response): Readable {
  return isHttp2(response) ? response.stream : (request as Readable);
}

function isOpen(response: Response): boolean {
  return !(isHttp2(response) ? response.stream.destroyed : response.destroyed);
}
