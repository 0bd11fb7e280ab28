import { isHttp2 } from "./exchange.ts";
import type { Handler, NodeRequest, NodeResponse } from "./request.ts";

/**
 * Starts requests one per turn of the event loop, in the order of their arrival. So a burst of them does not hold up what is
 * answered elsewhere: between two starts, everything that arrived meanwhile is read. A request that arrives alone starts at
 * once. `onError` is called with what the handler throws, which is a bug.
 */
export function inTurns(handler: Handler, onError: (error: unknown) => void): Handler {
  const waiting = new Set<() => void>();
  let taken = false;

  function start(request: NodeRequest, response: NodeResponse): void {
    // Nobody is left to read the response.
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
