import { changes } from "./changes.ts";
import { cold } from "./cold.ts";
import { consolePage } from "./console-page.ts";
import { evaluate } from "./evaluate.ts";
import { flood } from "./flood.ts";
import { haveQuickGenerators } from "./generators.ts";
import { guard } from "./guard.ts";
import { hot } from "./hot.ts";
import { limits } from "./limits.ts";
import { logIn } from "./log-in.ts";
import { memory } from "./memory.ts";
import { help, type PartName, readOptions } from "./options.ts";
import { parse } from "./parse.ts";
import type { Part } from "./part.ts";
import { createPartRunner, progress } from "./part-runner.ts";
import { installPeers } from "./peers.ts";
import { pinned, pinSelf } from "./processes.ts";
import { revocation } from "./revocation.ts";
import { machineText } from "./table.ts";
import { workers } from "./workers.ts";

const parts: Record<PartName, Part> = {
  hot,
  cold,
  flood,
  workers,
  memory,
  evaluate,
  parse,
  revocation,
  limits,
  guard,
  changes,
  logIn,
  console: consolePage,
};

const runner = createPartRunner();

async function main(): Promise<boolean> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(help);
    return true;
  }
  if (options.peers) installPeers();
  if (!haveQuickGenerators) {
    progress("wrk and h2load are missing (Debian: wrk, nghttp2-client), so a slower generator runs instead");
  }
  pinSelf(1);
  process.stdout.write(`${machineText(pinned, haveQuickGenerators, options)}\n`);
  for (const name of options.parts) {
    if (runner.isInterrupted()) break;
    const text = await runner.run(name, (stack, onProgress) => parts[name](stack, options, onProgress));
    process.stdout.write(`${text}\n`);
  }
  return true;
}

runner.exitAfter("bench", main);
