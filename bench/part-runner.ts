import type { Stack } from "./stack.ts";

/** Reports the progress of a part, in one line. */
export type Progress = (line: string) => void;

/** Runs the parts of a command. SIGINT and SIGTERM stop everything that the current part has started, and end the process. */
export interface PartRunner {
  /** Whether a signal arrived. */
  isInterrupted(): boolean;
  /** Runs a part, then stops everything that it has started. */
  run<R>(name: string, part: (stack: Stack, progress: Progress) => Promise<R>): Promise<R>;
  /** Runs `main`. The process then ends with status 0 if `main` returned true, and with 1 otherwise. */
  exitAfter(command: string, main: () => Promise<boolean>): void;
}

/** Creates the runner of this process. */
export function createPartRunner(): PartRunner {
  let current = new AsyncDisposableStack();
  let interrupted = false;
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    process.on(signal, () => {
      // Stopping takes a moment. If a second Ctrl-C ended the process, Postgres and its directory would remain.
      if (interrupted) return progress("stopping");
      interrupted = true;
      void current.disposeAsync().finally(() => process.exit(130));
    });
  }

  return {
    isInterrupted: () => interrupted,
    async run(name, part) {
      current = new AsyncDisposableStack();
      try {
        progress(name);
        return await part(current, progress);
      } finally {
        if (!interrupted) await current.disposeAsync();
      }
    },
    exitAfter(command, main) {
      main().then(
        (passed) => interrupted || process.exit(passed ? 0 : 1),
        (error: unknown) => {
          if (interrupted) return;
          progress(`${command}: ${error instanceof Error ? error.message : String(error)}`);
          process.exit(1);
        },
      );
    },
  };
}

/** Writes one line to stderr. */
export function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}
