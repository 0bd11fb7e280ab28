import { Code, ConnectError } from "@connectrpc/connect";
import type { Response } from "../request.ts";

/**
 * Returns a signal that is aborted when `timeoutMs` has passed, or when the client disconnects before its response is sent.
 * In the first case, the reason is the error that Connect would return.
 */
export function callSignal(response: Response, timeoutMs: number | undefined): AbortSignal {
  const controller = new AbortController();
  const expire = () => controller.abort(new ConnectError("the operation timed out", Code.DeadlineExceeded));
  const timer = timeoutMs !== undefined && timeoutMs > 0 ? setTimeout(expire, timeoutMs) : undefined;
  if (timeoutMs !== undefined && timeoutMs <= 0) expire();
  response.on("close", () => {
    clearTimeout(timer);
    if (!response.writableEnded) controller.abort();
  });
  return controller.signal;
}
