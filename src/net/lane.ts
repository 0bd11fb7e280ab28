import type { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import { createMethodUrl } from "@connectrpc/connect/protocol";
import { type Handler, isHttp2, type Request, type Response } from "./exchange.ts";
import { admit, type Form, headerReader } from "./lane-admission.ts";
import { readBody } from "./lane-body.ts";
import { connectWire } from "./lane-connect.ts";
import { grpcWire } from "./lane-grpc.ts";
import type { LaneMethod, LaneOptions, Wire } from "./lane-wire.ts";

const wires: Record<Form, Wire> = { json: connectWire(true), proto: connectWire(false), grpc: grpcWire };

/**
 * Answers the plain calls of a few methods on node's own streams, and leaves every other request to `next` before a
 * byte of its body is read. Clients cannot tell which of the two answered, save that the lane never compresses.
 */
export function createLane(methods: readonly LaneMethod[], options: LaneOptions, next: Handler): Handler {
  const paths = new Map(methods.map((entry) => [createMethodUrl("/", entry.method), entry]));
  return (request, response) => {
    const method = paths.get(request.url ?? "");
    const form = method && admit(request);
    if (!method || !form) {
      next(request, response);
      return;
    }
    run(method, form, options, request, response).catch((error: unknown) => {
      options.onBug(error);
      response.destroy();
    });
  };
}

async function run(
  method: LaneMethod,
  form: Form,
  options: LaneOptions,
  request: Request,
  response: Response,
): Promise<void> {
  const wire = wires[form];
  const headers: Record<string, string> = {};
  const values = options.contextValues(request);
  const requestHeader = headerReader(request.headers);
  const timeout = wire.timeout(requestHeader, options.maxTimeoutMs);
  const end = timeout.timeoutMs === undefined ? undefined : performance.now() + timeout.timeoutMs;
  const timeoutMs = () => (end === undefined ? undefined : end - performance.now());
  const responseHeader = {
    set(name: string, value: string) {
      headers[name] = value;
    },
  };
  try {
    const desc = method.method;
    const arrival = { service: desc.parent, method: desc, values, requestHeader, responseHeader, timeoutMs };
    const passing = method.gate(arrival);
    if (passing) await passing;
    if (timeout.error) throw timeout.error;
    const body = await readBody(streamOf(request, response), (size, first) =>
      wire.isEnough(size, first, options.maxMessageBytes),
    );
    if (!body) return;
    let payload = method.recall(form, body, values);
    if (payload === undefined) {
      const message = await wire.parse(method, body, options);
      payload = wire.encode(method, await method.invoke(message, { values, timeoutMs }), options);
      method.keep(form, body, values, payload);
    }
    if (isOpen(response)) wire.send(response, headers, payload);
  } catch (error) {
    if (!(error instanceof ConnectError)) options.onBug(error);
    const failure = error instanceof ConnectError ? error : new ConnectError("internal error", Code.Internal);
    method.failed(failure, values);
    if (isOpen(response)) wire.fail(response, headers, failure, options);
  }
}

// Of HTTP/2 the stream itself: node's request is a second one on top of it.
function streamOf(request: Request, response: Response): Readable {
  return "stream" in request && isHttp2(response) ? response.stream : (request as Readable);
}

function isOpen(response: Response): boolean {
  return !(isHttp2(response) ? response.stream.destroyed : response.destroyed);
}
