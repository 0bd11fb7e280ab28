import { changes } from "./changes.ts";
import { cold } from "./cold.ts";
import { evaluate } from "./evaluate.ts";
import { flood } from "./flood.ts";
import { haveQuickGenerators } from "./generators.ts";
import { hot } from "./hot.ts";
import { logIn } from "./log-in.ts";
import { memory } from "./memory.ts";
import { help, type Options, type PartName, readOptions } from "./options.ts";
import type { Part } from "./part.ts";
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
  revocation,
  changes,
  logIn,
};

let running = new AsyncDisposableStack();
let interrupted = false;
for (const signal of ["SIGINT", "SIGTERM"] as const) {
  process.on(signal, () => {
    // Ending takes a moment; a second Ctrl-C would leave Postgres and its directory behind.
    if (interrupted) return progress("ending");
    interrupted = true;
    void running.disposeAsync().finally(() => process.exit(130));
  });
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (!options) return void process.stdout.write(help);
  if (options.peers) installPeers();
  if (!haveQuickGenerators) {
    progress("wrk and h2load are not installed (Debian: wrk, nghttp2-client): a slower generator stands in");
  }
  pinSelf(1);
  process.stdout.write(`${machineText(pinned, haveQuickGenerators, options)}\n`);
  for (const name of options.parts) {
    if (interrupted) return;
    process.stdout.write(`${await measure(name, options)}\n`);
  }
}

async function measure(name: PartName, options: Options): Promise<string> {
  running = new AsyncDisposableStack();
  try {
    progress(name);
    return await parts[name](running, options, progress);
  } finally {
    if (!interrupted) await running.disposeAsync();
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

main().catch((error: unknown) => {
  if (interrupted) return;
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
});
