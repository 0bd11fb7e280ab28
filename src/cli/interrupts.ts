import { exitCodes } from "./failure.ts";
import { echoMs } from "./signals.ts";
import type { World } from "./world.ts";

/** A time in which Ctrl-C does not end the process at once. */
export interface Interruption {
  /** The first Ctrl-C aborts it. */
  readonly signal: AbortSignal;
  /** Ends this time: the next Ctrl-C does again what it did before. */
  end(): void;
}

/** Begins such a time. The second Ctrl-C calls `abandon`, and ends the process. */
export function watchInterrupts(
  { onInterrupt }: Pick<World, "onInterrupt">,
  abandon: () => void,
): Interruption {
  const controller = new AbortController();
  let firstAt: number | undefined;
  const off = onInterrupt(() => {
    firstAt ??= performance.now();
    if (!controller.signal.aborted) return controller.abort();
    // npm may pass on a signal that the terminal has already sent to this process.
    if (performance.now() - firstAt <= echoMs) return;
    abandon();
    process.exit(exitCodes.interrupted);
  });
  return { signal: controller.signal, end: off };
}
