import { isHttp2 } from "./exchange.ts";
import type { Handler, NodeRequest, NodeResponse, Request } from "./request.ts";

/** Starts pieces of work in turns of the event loop, fairly between their owners. */
export interface FairTurns {
  /** Starts work of an owner now, or in a later turn if this turn has no time left or other work waits. */
  start(owner: string, work: () => void): void;
}

/**
 * Creates turns. In each turn of the event loop, work starts until `sliceMs` have passed; 0 means one piece of work per
 * turn. The rest waits, and the owners take turns. So a burst of one client does not delay other clients, and between two
 * turns the event loop reads everything that arrived. Work that arrives alone starts at once.
 */
export function createFairTurns(sliceMs: number): FairTurns {
  const lines = new Map<string, (() => void)[]>();
  // Undefined: no work started in this turn of the event loop.
  let startedAt: number | undefined;

  function begin(): void {
    startedAt = performance.now();
    setImmediate(next);
  }

  function next(): void {
    startedAt = undefined;
    if (lines.size === 0) return;
    begin();
    do takeOne();
    while (lines.size > 0 && hasTime());
  }

  // Takes the oldest work of the first owner. The owner goes to the end, and leaves if it has no more work.
  function takeOne(): void {
    const [first] = lines;
    if (!first) return;
    const [owner, line] = first;
    const work = line.shift();
    lines.delete(owner);
    if (line.length > 0) lines.set(owner, line);
    work?.();
  }

  function hasTime(): boolean {
    return startedAt === undefined || performance.now() - startedAt < sliceMs;
  }

  return {
    start(owner, work) {
      if (lines.size === 0 && hasTime()) {
        if (startedAt === undefined) begin();
        work();
        return;
      }
      const line = lines.get(owner);
      if (line) line.push(work);
      else lines.set(owner, [work]);
    },
  };
}

/**
 * Returns a handler that starts one request per turn of the event loop, fairly between the clients that `ownerOf` tells
 * apart. Calls `onError` with what the handler throws, which is a bug.
 */
export function inTurns(
  handler: Handler,
  ownerOf: (request: Request) => string,
  onError: (error: unknown) => void,
): Handler {
  const turns = createFairTurns(0);

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
