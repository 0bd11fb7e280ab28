import { constants } from "node:os";

type Signal = "SIGTERM" | "SIGINT";

/** The time in which a second Ctrl-C is the first one: npm forwards it, and the terminal has already sent it to this process. */
export const echoMs = 500;

/**
 * Makes SIGTERM and SIGINT end the process at once, with its exit hooks. Node's default would skip the hooks, and the
 * embedded Postgres would outlive this process.
 */
export function exitOnSignal(): void {
  process.on("SIGTERM", exit).on("SIGINT", exit);
}

/** Waits for the next signal. A later signal, during the shutdown, ends the process at once. */
export function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    // Add before remove: node drops a signal that arrives while no listener exists.
    process.on("SIGTERM", take).on("SIGINT", take).off("SIGTERM", exit).off("SIGINT", exit);
    let takenAt: number | undefined;
    function take(signal: Signal): void {
      takenAt ??= performance.now();
      if (performance.now() - takenAt > echoMs) exit(signal);
      resolve();
    }
  });
}

// The exit code that shells use for a process ended by a signal.
function exit(signal: Signal): void {
  process.exit(128 + constants.signals[signal]);
}
