import type { Context } from "./context.ts";
import { interrupted } from "./failure.ts";

/** What a call that must not be lost says about Ctrl-C. */
export interface Uninterrupted {
  /** Returns where the result is, once the call has succeeded. */
  outcome(): string;
  /** Removes what a call without a result leaves behind. */
  abandon?(): void;
}

/**
 * Runs a call that mints a token to its end, because a process that ends before the answer loses the token. The first Ctrl-C
 * says so, and the command then ends with the exit code of Ctrl-C. The second one ends the process.
 */
export async function uninterrupted<T>(
  { interruption, out }: Pick<Context, "interruption" | "out">,
  { outcome, abandon }: Uninterrupted,
  work: () => Promise<T>,
): Promise<T> {
  const { signal, end } = interruption(() => {
    abandon?.();
    out.note("stopped; if the server has minted the token, it is lost");
  });
  signal.addEventListener("abort", () =>
    out.note("waiting for the answer, because it has a new token; press Ctrl-C again to stop now"),
  );
  try {
    const result = await work();
    if (!signal.aborted) return result;
    await out.written();
    throw interrupted(`interrupted; ${outcome()}`);
  } finally {
    end();
  }
}
