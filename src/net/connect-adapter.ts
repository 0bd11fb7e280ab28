import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { Code, ConnectError, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { isHttp2 } from "./exchange.ts";
import { explainRefusal, type ProtocolRefusal } from "./protocol-refusal.ts";
import type { Handler, NodeRequest, NodeResponse } from "./request.ts";

/** What the adapter serves. */
export interface ConnectAdapterOptions extends ConnectRouterOptions {
  routes(router: ConnectRouter): void;
  contextValues(request: NodeRequest): ContextValues;
  /** Called with what a handler throws instead of an error of its protocol. This is a bug. The client gets `internal`. */
  onBug(error: unknown, request: NodeRequest): void;
  /** Called with the code of the error if no handler takes a request. */
  onRefusal?(code: string, request: NodeRequest): void;
  requestIdOf(request: NodeRequest): string;
}

/**
 * Creates a handler that answers requests with Connect's handlers, as connect-node's own adapter does. That one prints what
 * it cannot send to the console, and leaves the client without a response.
 */
export function createConnectAdapter({
  routes,
  contextValues,
  onBug,
  onRefusal = () => {},
  requestIdOf,
  ...options
}: ConnectAdapterOptions): Handler {
  const router = createConnectRouter(options);
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  function refuse(request: NodeRequest, response: NodeResponse, refusal: ProtocolRefusal): void {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const { "content-type": contentType = "", accept } = request.headers;
    const isConnect = request.headers["connect-protocol-version"] !== undefined;
    const requestId = requestIdOf(request);
    const refused = { method: request.method ?? "", path, contentType, accept, isConnect, requestId };
    const explained = explainRefusal(refused, refusal);
    onRefusal(explained.code, request);
    end(response, explained.status, explained.headers, request.method === "HEAD" ? "" : explained.body);
  }

  async function handle(handler: UniversalHandler, request: NodeRequest, response: NodeResponse) {
    const universal = universalRequestFromNodeRequest(request, response, undefined, contextValues(request));
    const answer = await handler({ ...universal, body: bodyOf(request, response) });
    // Connect refuses a method or a content type with a status and nothing else.
    if (answer.status !== 200 && answer.body === undefined) {
      for (const [name, value] of answer.header ?? []) response.setHeader(name, value);
      refuse(request, response, { status: answer.status, allowedMethods: handler.allowedMethods });
    } else await universalResponseToNodeResponse(answer, response);
  }

  return (request, response) => {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const handler = handlers.get(path);
    if (!handler) {
      refuse(request, response, { status: 404 });
      return;
    }
    handle(handler, request, response).catch((error: unknown) => {
      if (isGone(response) || ConnectError.from(error).code === Code.Aborted) return;
      onBug(error, request);
      fail(request, response);
    });
  };
}

// Without this, a reader that stops in the middle of a body destroys the request, and node then reads nothing more from an
// HTTP/1 connection. Here, the rest is dropped as it arrives, so that the client can send its next request.
function bodyOf(request: NodeRequest, response: NodeResponse): AsyncIterable<Uint8Array> {
  if (!isHttp2(response)) response.once("finish", () => request.resume());
  return request.iterator({ destroyOnReturn: false });
}

// A response that has begun cannot become an error, so its stream is destroyed before it is complete.
function fail(request: NodeRequest, response: NodeResponse): void {
  if (response.headersSent) {
    destroy(response);
    return;
  }
  const type = request.headers["content-type"] ?? "";
  if (type.startsWith("application/grpc")) {
    const status = { "grpc-status": String(Code.Internal), "grpc-message": "internal error" };
    end(response, 200, { "content-type": type, ...status });
    return;
  }
  const body = JSON.stringify({ code: "internal", message: "internal error" });
  end(response, 500, { "content-type": "application/json" }, body);
}

function end(response: NodeResponse, status: number, headers: Record<string, string>, body = ""): void {
  response.statusCode = status;
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
  // Without data, the headers end the HTTP/2 stream. A gRPC status in headers requires that.
  if (body === "") response.end();
  else response.end(body);
}

function isGone(response: NodeResponse): boolean {
  return isHttp2(response) ? response.stream.destroyed : response.destroyed;
}

function destroy(response: NodeResponse): void {
  if (isHttp2(response)) response.stream.destroy();
  else response.destroy();
}
