import type { Readable } from "node:stream";
import type { Env } from "../config/reader.ts";
import type { Stream } from "./output.ts";

/** What a command sees of its process. */
export interface World {
  readonly env: Env;
  readonly stdin: Readable & { isTTY?: boolean };
  readonly stdout: Stream;
  readonly stderr: Stream;
  /** Calls the listener at each Ctrl-C, instead of ending the process, until the returned function is called. */
  onInterrupt(listener: () => void): () => void;
}

/** Returns the world of this process. */
export function processWorld(env: Env): World {
  return {
    env,
    stdin: process.stdin,
    stdout: process.stdout,
    stderr: process.stderr,
    onInterrupt(listener) {
      process.on("SIGINT", listener);
      return () => void process.off("SIGINT", listener);
    },
  };
}
