import type { Part } from "./part.ts";
import { runToEnd } from "./processes.ts";

/** What a remembered key takes, measured in a process of its own. */
export const memory: Part = async () => {
  const [entry, answer] = runToEnd(["--expose-gc", "bench/memory-probe.ts"], {}).split(" ").map(Number);
  return [
    "### Memory\n",
    `A remembered key with 8 permissions and 8 workspaces takes ${entry} bytes (to reach: at most 2,048), and an answer that is kept for it`,
    `as text another ${answer}; answers take at most 512 bytes times the entries that memory may have.\n`,
  ].join("\n");
};
