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
    const count = `${done} of ${total}`;
    const whole = `[${"#".repeat(filled)}${" ".repeat(barWidth - filled)}] ${count}`;
    // A line that the terminal breaks would not be overwritten.
    return stderr.columns && whole.length >= stderr.columns ? count : whole;
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
