import { isHttp2 } from "./exchange.ts";
import type { Handler, NodeRequest, NodeResponse } from "./request.ts";

/**
 * Returns a handler that starts one request per turn of the event loop, in the order of arrival. So a burst of requests does
 * not delay other work: between two starts, the event loop reads everything that arrived. A request that arrives alone
 * starts at once. Calls `onError` with what the handler throws, which is a bug.
 */
export function inTurns(handler: Handler, onError: (error: unknown) => void): Handler {
  const waiting = new Set<() => void>();
  let taken = false;

  function start(request: NodeRequest, response: NodeResponse): void {
    // The client has disconnected.
    if (isHttp2(response) ? response.stream.destroyed : response.destroyed) return;
    try {
      handler(request, response);
    } catch (error) {
      onError(error);
      response.destroy();
    }
  }

  function next(): void {
    const [first] = waiting;
    taken = first !== undefined;
    if (!first) return;
    waiting.delete(first);
    setImmediate(next);
    first();
  }

  return (request, response) => {
    if (taken) {
      waiting.add(() => start(request, response));
      return;
    }
    taken = true;
    setImmediate(next);
    start(request, response);
  };
}
