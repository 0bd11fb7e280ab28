import { isHttp2 } from "./exchange.ts";
import type { Handler, NodeRequest, NodeResponse, Request } from "./request.ts";

/** Starts pieces of work in turns of the event loop. Owners of work get equal numbers of starts. */
export interface FairTurns {
  /** Starts a piece of work now, or in a later turn if this turn has no time left or other work waits. */
  start(owner: string, work: () => void): void;
}

/**
 * Creates fair turns. In each turn of the event loop, work starts until `sliceMs` have passed. 0 means one piece of work
 * per turn. The rest waits, and the owners take turns. So a burst of one client does not delay other clients, and the
 * event loop reads everything that arrived between two turns. Work that arrives alone starts at once.
 */
export function createFairTurns(sliceMs: number): FairTurns {
  const queues = new Map<string, (() => void)[]>();
  // Undefined: no work started in this turn of the event loop.
  let startedAt: number | undefined;

  function begin(): void {
    startedAt = performance.now();
    setImmediate(next);
  }

  function next(): void {
    startedAt = undefined;
    if (queues.size === 0) return;
    begin();
    do takeOne();
    while (queues.size > 0 && hasTime());
  }

  // Starts the oldest work of the first owner. If that owner has more work, it becomes the last owner.
  function takeOne(): void {
    const [first] = queues;
    if (!first) return;
    const [owner, queue] = first;
    const work = queue.shift();
    queues.delete(owner);
    if (queue.length > 0) queues.set(owner, queue);
    work?.();
  }

  function hasTime(): boolean {
    return startedAt === undefined || performance.now() - startedAt < sliceMs;
  }

  return {
    start(owner, work) {
      if (queues.size === 0 && hasTime()) {
        if (startedAt === undefined) begin();
        work();
        return;
      }
      const queue = queues.get(owner);
      if (queue) queue.push(work);
      else queues.set(owner, [work]);
    },
  };
}

/**
 * Returns a handler that starts requests in fair turns. Clients take turns; `ownerOf` returns the client of a request. Calls
 * `onError` with what the handler throws, which is a bug.
 */
export function inTurns(
  turns: FairTurns,
  handler: Handler,
  ownerOf: (request: Request) => string,
  onError: (error: unknown) => void,
): Handler {
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

  return (request, response) => turns.start(ownerOf(request), () => start(request, response));
}
