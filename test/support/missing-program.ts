import { execFile } from "node:child_process";
import { promisify } from "node:util";
import type { TestContext } from "vitest";

const run = promisify(execFile);

/** Skips the test if a command fails. The report shows the reason and what installs the program. */
export async function skipWithout(
  context: TestContext,
  program: string,
  args: string[],
  install: string,
): Promise<void> {
  const works = await run(program, args).then(
    () => true,
    () => false,
  );
  if (!works) context.skip(`\`${program} ${args.join(" ")}\` fails here. Run \`${install}\`.`);
}
