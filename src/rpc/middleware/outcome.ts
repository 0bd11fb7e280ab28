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

interface Abortable {
  abort(reason?: unknown): void;
}

/**
 * The reason with which the signal of a call is aborted after its response is known. Connect gives no reason, so node would
 * create an exception with a stack trace for each call.
 */
export const callEnded = new DOMException("the call has ended", "AbortError");

/**
 * Returns the request gate of Connect's handlers. It authenticates each call, and records the error that the call ends with.
 * Connect passes that error to the `abort` method of the call's context. The reason of the signal is not enough,
 * because a deadline or a lost client may have aborted the signal earlier.
 */
export function createRequestGate(
  authenticate: (arrival: Arrival) => Promise<void>,
): (context: HandlerContext) => Promise<void> {
  return (context) => {
    const record = recordOf(context.values);
    if (isAbortable(context)) {
      const abort = context.abort.bind(context);
      context.abort = (reason) => {
        if (reason !== undefined) record.error ??= ConnectError.from(reason, Code.Internal);
        abort(reason ?? callEnded);
      };
    }
    return authenticate(context);
  };
}

function isAbortable(context: HandlerContext): context is HandlerContext & Abortable {
  return "abort" in context && typeof context.abort === "function";
}

/**
 * Returns the error of a call that failed in Connect after the request gate and before any interceptor. For example, its
 * body is too large or cannot be parsed.
 */
export function errorBeforeInterceptors({ code, parsed, error }: CallRecord): ConnectError | undefined {
  return code === undefined && !parsed ? error : undefined;
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
