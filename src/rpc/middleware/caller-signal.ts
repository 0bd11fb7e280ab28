import { Code, ConnectError } from "@connectrpc/connect";
import { callEnded } from "./outcome.ts";

/**
 * Returns a signal that is aborted when the caller of a request gives up: its deadline passed, it cancelled the call, or its
 * connection broke. A shutdown of this server and the end of the call abort the request's own signal too. Neither aborts this one.
 */
export function callerSignal(request: AbortSignal): AbortSignal {
  const controller = new AbortController();
  function follow(): void {
    const reason: unknown = request.reason;
    if (reason === callEnded) return;
    if (!(reason instanceof ConnectError)) controller.abort(canceled());
    else if (reason.code !== Code.Unavailable) controller.abort(reason);
  }
  if (request.aborted) follow();
  else request.addEventListener("abort", follow, { once: true });
  return controller.signal;
}

/** Returns the error of a call whose caller has gone. */
export function canceled(): ConnectError {
  return new ConnectError("the caller canceled the call", Code.Canceled);
}

/**
 * Returns whether an error means that the caller has gone: it is the reason of the request's signal, or reading from a
 * closed request threw it.
 */
export function isCallerGone(error: unknown, request: AbortSignal): boolean {
  if (!request.aborted || error instanceof ConnectError || !(error instanceof Error)) return false;
  const code: unknown = Reflect.get(error, "code");
  return error === request.reason || error.name === "AbortError" || goneCodes.has(String(code));
}

// Error codes of node's streams and of sockets.
const goneCodes = new Set([
  "ERR_STREAM_PREMATURE_CLOSE",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
  "ERR_HTTP2_INVALID_STREAM",
  "ERR_HTTP2_STREAM_ERROR",
  "ECONNRESET",
  "EPIPE",
]);
