import { Code, ConnectError, type ConnectRouter, type HandlerContext } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { type Arrival, type CallRecord, recordOf } from "./context.ts";

/** Returns the name of a code that every protocol uses: `PermissionDenied` is `permission_denied`. */
export function codeName(code: Code): string {
  return (Code[code] ?? "unknown").replace(/(?<=[a-z])[A-Z]/g, (letter) => `_${letter}`).toLowerCase();
}

/** Returns the request gate of Connect's handlers. It records the signal of each call, and then authenticates. */
export function createRequestGate(
  authenticate: (arrival: Arrival) => Promise<void>,
): (context: HandlerContext) => Promise<void> {
  return (context) => {
    recordOf(context.values).signal = context.signal;
    return authenticate(context);
  };
}

/**
 * Returns the error of a call that failed in Connect after the request gate and before any interceptor: the body is too
 * large or cannot be parsed, for example. Connect aborts the signal of such a call with the error.
 */
export function errorBeforeInterceptors({ code, parsed, signal }: CallRecord): ConnectError | undefined {
  if (code !== undefined || parsed || !signal?.aborted) return undefined;
  const reason: unknown = signal.reason;
  return reason instanceof ConnectError ? reason : undefined;
}

/**
 * Records the method of each call, and the code of each call that failed before any interceptor. Wraps the handlers of a
 * router, so call it after all services are registered.
 */
export function recordOutcomes(router: ConnectRouter): void {
  for (const [index, handler] of router.handlers.entries()) {
    const recorded = (request: UniversalServerRequest) => handle(handler, request);
    router.handlers[index] = Object.assign(recorded, handler);
  }
}

async function handle(
  handler: UniversalHandler,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const record = request.contextValues && recordOf(request.contextValues);
  if (record) record.method = `${handler.service.typeName}/${handler.method.name}`;
  const response = await handler(request);
  const error = record && errorBeforeInterceptors(record);
  if (record && error) record.code = codeName(error.code);
  return response;
}
