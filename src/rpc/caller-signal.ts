import { Code, ConnectError } from "@connectrpc/connect";

/**
 * Returns a signal that is aborted when the caller of a request gives up: its deadline passed, it cancelled the call, or its
 * connection broke. A shutdown of this server aborts the request's own signal too, but work under way may finish then.
 */
export function callerSignal(request: AbortSignal): AbortSignal {
  const controller = new AbortController();
  function follow(): void {
    const reason: unknown = request.reason;
    if (!(reason instanceof ConnectError)) controller.abort(canceled());
    else if (reason.code !== Code.Unavailable) controller.abort(reason);
  }
  if (request.aborted) follow();
  else request.addEventListener("abort", follow, { once: true });
  return controller.signal;
}

function canceled(): ConnectError {
  return new ConnectError("the caller canceled the call", Code.Canceled);
}
