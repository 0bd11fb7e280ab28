import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";

/** Limits the number of open streams of each client. */
export interface OpenStreams {
  /** Yields the messages of a stream. Fails with `ResourceExhausted` if its client has too many open streams. */
  follow<T>(context: HandlerContext, messages: AsyncIterable<T>): AsyncIterable<T>;
}

/** How many streams without a bearer one client address may have open at a time, over all connections. */
export const maxOpenStreamsPerAddress = 100;

/** Creates a limit. `clientOf` returns the client of a call. */
export function createOpenStreams(
  clientOf: (context: HandlerContext) => string,
  max = maxOpenStreamsPerAddress,
): OpenStreams {
  const open = new Map<string, number>();
  return {
    async *follow(context, messages) {
      const client = clientOf(context);
      const count = open.get(client) ?? 0;
      if (count >= max) {
        throw new ConnectError(
          `at most ${max} streams of reflection and health at a time from one client address`,
          Code.ResourceExhausted,
        );
      }
      open.set(client, count + 1);
      const leave = once(() => {
        const left = (open.get(client) ?? 1) - 1;
        if (left > 0) open.set(client, left);
        else open.delete(client);
      });
      // A client that disconnects may leave this generator suspended for ever. The signal always ends with the call.
      context.signal.addEventListener("abort", leave);
      try {
        yield* messages;
      } finally {
        leave();
      }
    },
  };
}

function once(run: () => void): () => void {
  let done = false;
  return () => {
    if (!done) run();
    done = true;
  };
}
