import { setTimeout } from "node:timers/promises";
import { Code, type Transport } from "@connectrpc/connect";
import { LatchkeyError, toLatchkeyError } from "./error.ts";
import { delayBeforeRetry, isRepeatable } from "./retry.ts";

/** The options of all calls of a client. */
export interface CallOptions {
  url: string;
  /** Returns the headers of one attempt. */
  headers(): Promise<Record<string, string>>;
  /** The time for a call with all its attempts, unless the call names another. */
  timeoutMs: number;
  /** The number of further attempts. */
  retries: number;
  /** Ends all calls. */
  signal: AbortSignal;
}

/** Returns a transport that adds headers, retries calls if that is safe, and throws `LatchkeyError`. */
export function createCallTransport(inner: Transport, options: CallOptions): Transport {
  return {
    async unary(method, signal, timeoutMs = options.timeoutMs, header, input, contextValues) {
      const deadline = performance.now() + timeoutMs;
      const ends = signal ? AbortSignal.any([signal, options.signal]) : options.signal;
      const repeatable = isRepeatable(method, input);
      for (let attempt = 0; ; attempt++) {
        const headers = merged(header, await options.headers());
        const left = Math.max(1, Math.ceil(deadline - performance.now()));
        try {
          return await inner.unary(method, ends, left, headers, input, contextValues);
        } catch (cause) {
          const error = toLatchkeyError(cause, options.url);
          const delay =
            attempt < options.retries
              ? delayBeforeRetry(error, repeatable, attempt, Math.random())
              : undefined;
          // After a wait beyond the deadline, the caller would see a timeout in place of this error.
          if (ends.aborted || delay === undefined || performance.now() + delay >= deadline) throw error;
          await wait(delay, ends, error);
        }
      }
    },
    async stream(method) {
      throw new LatchkeyError(
        `this client makes no streaming calls such as ${method.name}: use latchkey/guard`,
        {
          reason: "UNIMPLEMENTED",
          code: Code.Unimplemented,
        },
      );
    },
  };
}

async function wait(delayMs: number, signal: AbortSignal, error: LatchkeyError): Promise<void> {
  try {
    await setTimeout(delayMs, undefined, { signal });
  } catch {
    throw error;
  }
}

// A header of the call itself replaces the client's header of the same name.
function merged(own: Parameters<Transport["unary"]>[3], added: Record<string, string>): Headers {
  const headers = new Headers(own);
  for (const [name, value] of Object.entries(added)) if (!headers.has(name)) headers.set(name, value);
  return headers;
}
