import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { Code, ConnectError, type ContextValues, createConnectRouter } from "@connectrpc/connect";
import type { UniversalHandler } from "@connectrpc/connect/protocol";
import { universalRequestFromNodeRequest, universalResponseToNodeResponse } from "@connectrpc/connect-node";
import { isHttp2 } from "./exchange.ts";
import type { Handler, NodeRequest, NodeResponse } from "./request.ts";

/** What the adapter serves. */
export interface ConnectAdapterOptions extends ConnectRouterOptions {
  routes(router: ConnectRouter): void;
  contextValues(request: NodeRequest): ContextValues;
  /** Called with what a handler throws instead of an error of its protocol. This is a bug. The client gets `internal`. */
  onBug(error: unknown, request: NodeRequest): void;
}

/**
 * Creates a handler that answers requests with Connect's handlers, as connect-node's own adapter does. That one prints what
 * it cannot send to the console, and leaves the client without a response.
 */
export function createConnectAdapter({
  routes,
  contextValues,
  onBug,
  ...options
}: ConnectAdapterOptions): Handler {
  const router = createConnectRouter(options);
  routes(router);
  const handlers = new Map(router.handlers.map((handler) => [handler.requestPath, handler]));

  return (request, response) => {
    const [path = ""] = (request.url ?? "").split("?", 1);
    const handler = handlers.get(path);
    if (!handler) {
      end(response, 404, {});
      return;
    }
    handle(handler, request, response, contextValues).catch((error: unknown) => {
      if (isGone(response) || ConnectError.from(error).code === Code.Aborted) return;
      onBug(error, request);
      fail(request, response);
    });
  };
}

async function handle(
  handler: UniversalHandler,
  request: NodeRequest,
  response: NodeResponse,
  contextValues: ConnectAdapterOptions["contextValues"],
): Promise<void> {
  const universal = universalRequestFromNodeRequest(request, response, undefined, contextValues(request));
  await universalResponseToNodeResponse(await handler(universal), response);
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
  response.end(body);
}

function isGone(response: NodeResponse): boolean {
  return isHttp2(response) ? response.stream.destroyed : response.destroyed;
}

function destroy(response: NodeResponse): void {
  if (isHttp2(response)) response.stream.destroy();
  else response.destroy();
}
