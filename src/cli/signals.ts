import { constants } from "node:os";

type Signal = "SIGTERM" | "SIGINT";

// npm passes on the Ctrl-C that the terminal has already sent us.
const echoMs = 500;

/**
 * From now on a signal ends the process at once, by way of its exit hooks. Node's default would skip them, and the
 * embedded Postgres would outlive us.
 */
export function exitOnSignal(): void {
  process.on("SIGTERM", exit).on("SIGINT", exit);
}

/** Waits for the next signal. One that comes later, while we finish, ends the process at once. */
export function nextSignal(): Promise<void> {
  return new Promise((resolve) => {
    // In this order: node forgets a signal that is on its way while nobody listens.
    process.on("SIGTERM", take).on("SIGINT", take).off("SIGTERM", exit).off("SIGINT", exit);
    let takenAt: number | undefined;
    function take(signal: Signal): void {
      takenAt ??= performance.now();
      if (performance.now() - takenAt > echoMs) exit(signal);
      resolve();
    }
  });
}

// As shells report it.
function exit(signal: Signal): void {
  process.exit(128 + constants.signals[signal]);
}
