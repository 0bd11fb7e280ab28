import type { Stream } from "./output.ts";

/** A bar on stderr. Without a terminal, it writes nothing. */
export interface Progress {
  set(done: number): void;
  /** Removes the bar, so that other lines can follow. */
  end(): void;
}

const barWidth = 30;

/** Starts a bar for this number of steps. */
export function createProgress(stderr: Stream, total: number): Progress {
  const isShown = stderr.isTTY === true;
  const bar = (done: number) => {
    const filled = total === 0 ? barWidth : Math.min(barWidth, Math.floor((done / total) * barWidth));
    return `[${"#".repeat(filled)}${" ".repeat(barWidth - filled)}] ${done} of ${total}`;
  };
  return {
    set(done) {
      if (isShown) stderr.write(`\r${bar(done)}`);
    },
    end() {
      // Erases the line.
      if (isShown) stderr.write("\r\u001b[K");
    },
  };
}
