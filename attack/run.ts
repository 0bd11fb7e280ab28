import { createPartRunner } from "../bench/part-runner.ts";
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

const runner = createPartRunner();

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

// A part that fails becomes a row that did not hold, so that the other parts still run.
async function measure(name: PartName, options: Options): Promise<Row[]> {
  try {
    return await runner.run(name, (stack, progress) => parts[name](stack, options, progress));
  } catch (error) {
    if (runner.isInterrupted()) throw error;
    const measured = `the part failed: ${error instanceof Error ? error.message : String(error)}`;
    return [{ attack: name, measured: measured.replaceAll(/[\n|]/g, " "), limit: "it runs", held: false }];
  }
}

runner.exitAfter("attack", main);
