import type { Part } from "./part.ts";
import { runToEnd } from "./processes.ts";

/** The memory that a cached key takes, measured in a separate process. */
export const memory: Part = async () => {
  const [key, response] = runToEnd(["--expose-gc", "bench/memory-probe.ts"], {}).split(" ").map(Number);
  return [
    "### Memory\n",
    `A cached key with 8 permissions and 8 workspaces takes ${key} bytes (to reach: at most 2,048). A response that is kept for it`,
    `as text takes another ${response} bytes. The response cache takes at most 512 bytes times the number of entries that the cache may have.\n`,
  ].join("\n");
};
