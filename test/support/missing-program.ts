import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { TestContext } from "vitest";

const run = promisify(execFile);

/** Skips the test if a command fails. Prints the reason and what installs the program. */
export async function skipWithout(
  context: Pick<TestContext, "task" | "skip">,
  program: string,
  args: string[],
  install: string,
): Promise<void> {
  const works = await run(program, args).then(
    () => true,
    () => false,
  );
  if (works) return;
  const reason = `\`${program} ${args.join(" ")}\` fails here. To run the test, first run \`${install}\`.`;
  // The default reporter of vitest does not show the reason of a skipped test.
  process.stderr.write(`skipped: ${context.task.name}: ${reason}\n`);
  context.skip(reason);
}
