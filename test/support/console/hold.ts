import type { Handler, NodeResponse } from "../../../src/net/request.ts";

/** A response that the server has made and has not sent yet. */
export interface HeldResponse {
  /** Resolves when the server has made the response. */
  made: Promise<void>;
  /** Sends the response. */
  release(): void;
}

/** Holds responses back, as a slow network does. */
export interface Holds {
  handler: Handler;
  /** Holds the response to the next request of a path, with its headers. */
  next(path: string): HeldResponse;
}

/** Puts a place in front of a handler where its responses can wait. */
export function createHolds(handler: Handler): Holds {
  const waiting = new Map<string, (response: NodeResponse) => void>();
  return {
    handler(request, response) {
      const hold = waiting.get(request.url ?? "");
      if (hold) waiting.delete(request.url ?? "");
      hold?.(response);
      handler(request, response);
    },
    next(path) {
      const { promise: made, resolve: make } = Promise.withResolvers<void>();
      const { promise: released, resolve: release } = Promise.withResolvers<void>();
      waiting.set(path, (response) => delay(response, make, released));
      return { made, release };
    },
  };
}

const writing = ["writeHead", "flushHeaders", "write", "end"] as const;

// Keeps what is written to a response, and writes it after `released`.
function delay(response: NodeResponse, onEnd: () => void, released: Promise<void>): void {
  const own = response as unknown as Record<string, (...args: unknown[]) => unknown>;
  const kept: (() => unknown)[] = [];
  let hasHead = false;
  for (const name of writing) {
    const write = own[name]?.bind(response);
    own[name] = (...args: unknown[]) => {
      // Connect's adapter asks node whether the headers were sent, and writes them again.
      if (name === "writeHead" && hasHead) return response;
      if (name === "writeHead") hasHead = true;
      kept.push(() => write?.(...args));
      if (name === "end") onEnd();
      return name === "write" ? true : response;
    };
  }
  void released.then(() => {
    // The methods of node's class call each other.
    for (const name of writing) delete own[name];
    for (const write of kept.splice(0)) write();
  });
}
