import { machineLine } from "../bench/table.ts";
import { escalation } from "./escalation.ts";
import { evaluate } from "./evaluate.ts";
import { hot } from "./hot.ts";
import { isolation } from "./isolation.ts";
import { help, type Options, type PartName, readOptions } from "./options.ts";
import { orphan } from "./orphan.ts";
import type { Part, Row } from "./part.ts";
import { stalled } from "./stalled.ts";

const parts: Record<PartName, Part> = { isolation, stalled, evaluate, escalation, orphan, hot };

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

async function main(): Promise<boolean> {
  const options = readOptions(process.argv.slice(2));
  if (!options) {
    process.stdout.write(help);
    return true;
  }
  const startedAt = performance.now();
  process.stdout.write(`${machineLine()}.\n\n`);
  process.stdout.write("| attack | measured | limit | held |\n| --- | --- | --- | --- |\n");
  let held = true;
  for (const name of options.parts) {
    for (const row of await measure(name, options)) {
      held &&= row.held;
      const cells = [row.attack, row.measured, row.limit, row.held ? "yes" : "**no**"];
      process.stdout.write(`| ${cells.join(" | ")} |\n`);
    }
  }
  process.stdout.write(`\nThe run took ${Math.round((performance.now() - startedAt) / 1_000)} s.\n`);
  return held;
}

// A part that fails is a line that did not hold, so that the others are measured all the same.
async function measure(name: PartName, options: Options): Promise<Row[]> {
  running = new AsyncDisposableStack();
  try {
    progress(name);
    return await parts[name](running, options, progress);
  } catch (error) {
    if (interrupted) throw error;
    const measured = `the part failed: ${error instanceof Error ? error.message : String(error)}`;
    return [{ attack: name, measured: measured.replaceAll(/[\n|]/g, " "), limit: "it runs", held: false }];
  } finally {
    if (!interrupted) await running.disposeAsync();
  }
}

function progress(line: string): void {
  process.stderr.write(`${line}\n`);
}

main().then(
  (held) => process.exit(held ? 0 : 1),
  (error: unknown) => {
    if (interrupted) return;
    process.stderr.write(`attack: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exit(1);
  },
);
