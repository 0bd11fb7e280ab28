import type { Readable } from "node:stream";
import type { Message } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { isHttp2 } from "../exchange.ts";
import type { Request, Response } from "../request.ts";
import { headerReader } from "./admission.ts";
import { emptyBody, readBody } from "./body.ts";
import { callSignal } from "./call-signal.ts";
import type { Codec, FastPathArrival, FastPathMethod, FastPathOptions, Payload, Recalled } from "./codec.ts";

/**
 * Answers one call of a method: it authorizes the call by its headers, reads the body, authorizes again, and sends the response
 * of the method in the format of the codec. It uses promises only where it must, so that a cached response is sent in the same
 * turn of the event loop.
 */
export function answerCall(
  method: FastPathMethod,
  codec: Codec,
  options: FastPathOptions,
  request: Request,
  response: Response,
  requestHeader: FastPathArrival["requestHeader"] = headerReader(request.headers),
): void {
  const { headers, responseHeader } = createHeaders();
  const values = options.contextValues(request);
  const head = codec.head(requestHeader, options.maxTimeoutMs);
  const end = head.timeoutMs === undefined ? undefined : performance.now() + head.timeoutMs;
  const timeoutMs = () => (end === undefined ? undefined : end - performance.now());
  const signal = () => callSignal(response, timeoutMs());
  const { attempt, fail } = createFailing(options, response, sendFailure);
  attempt(() => {
    const desc = method.method;
    const arrival = { service: desc.parent, method: desc, values, requestHeader, responseHeader, timeoutMs };
    const authorizing = method.authorize(arrival);
    if (authorizing) authorizing.then(read).catch(fail);
    else read();
  });

  function read(): void {
    if (head.error) throw head.error;
    if (head.hasNoBody) proceed(emptyBody);
    else
      readBody(streamOf(request, response), codec, method.maxBytes, (body) => attempt(() => proceed(body)));
  }

  function proceed(body: Buffer): void {
    const rechecking = method.recheck(values);
    if (rechecking) rechecking.then(() => respond(body)).catch(fail);
    else respond(body);
  }

  function respond(body: Buffer): void {
    const cached = codec.form === undefined ? undefined : method.recall(codec.form, body, values);
    if (cached instanceof Promise) cached.then((one) => sendOrCompute(body, one)).catch(fail);
    else sendOrCompute(body, cached);
  }

  function sendOrCompute(body: Buffer, cached: Recalled | undefined): void {
    if (cached === undefined) compute(body).then(send).catch(fail);
    else send(cached.addition ? codec.extend(cached.payload, cached.addition) : cached.payload);
  }

  async function compute(body: Buffer): Promise<Payload> {
    const message = await codec.parse(method, body, options);
    const result = await method.invoke(message, { values, timeoutMs, signal });
    const encode = (message: Message) => codec.encode(method, message, options);
    const { payload, lasting } = await encodeBoth(method, result, encode);
    if (codec.form !== undefined) method.keep(codec.form, body, values, lasting);
    return payload;
  }

  function send(payload: Payload): void {
    if (isOpen(response)) codec.send(response, headers, payload);
  }

  function sendFailure(failure: ConnectError): void {
    method.failed(failure, values);
    if (isOpen(response)) codec.fail(response, headers, failure, options);
  }
}

// Returns how a call fails. An error that is not one of Connect is a bug, which the client sees as an internal error.
function createFailing(
  { onBug }: FastPathOptions,
  response: Response,
  send: (failure: ConnectError) => void,
) {
  function fail(error: unknown): void {
    if (!(error instanceof ConnectError)) onBug(error);
    const failure = error instanceof ConnectError ? error : new ConnectError("internal error", Code.Internal);
    try {
      send(failure);
    } catch (bug) {
      onBug(bug);
      response.destroy();
    }
  }
  function attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      fail(error);
    }
  }
  return { attempt, fail };
}

function createHeaders() {
  const headers: Record<string, string> = {};
  const responseHeader = {
    set(name: string, value: string) {
      headers[name] = value;
    },
  };
  return { headers, responseHeader };
}

// The payload of a response, and that of the part of it that may be cached.
async function encodeBoth(
  method: Pick<FastPathMethod, "lasting">,
  response: Message,
  encode: (message: Message) => Payload | Promise<Payload>,
): Promise<{ payload: Payload; lasting: Payload }> {
  const lasting = method.lasting(response);
  const payload = await encode(response);
  return { payload, lasting: lasting === response ? payload : await encode(lasting) };
}

// For HTTP/2, this is the stream itself, because node's request is a second stream on top of it.
function streamOf(request: Request, response: Response): Readable {
  return isHttp2(response) ? response.stream : (request as Readable);
}

/** Returns whether a response can still be sent. */
export function isOpen(response: Response): boolean {
  return !(isHttp2(response) ? response.stream.destroyed : response.destroyed);
}
