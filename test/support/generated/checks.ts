// Runs the scripts `lint`, `fresh` and `types` of package.json at the same time, and prints the output of each when it has
// ended. Fails if one of them fails.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { text } from "node:stream/consumers";

const file = new URL("../../../package.json", import.meta.url);
const { scripts } = JSON.parse(readFileSync(file, "utf8")) as { scripts: Record<string, string> };

/** Runs a script of package.json. Resolves with whether it succeeded. */
async function run(name: string): Promise<boolean> {
  const child = spawn(`${scripts[name]}`, { shell: true, stdio: ["ignore", "pipe", "pipe"] });
  const ended = new Promise<number | null>((resolve) => child.once("close", resolve));
  const [code, ...output] = await Promise.all([ended, text(child.stdout), text(child.stderr)]);
  process.stdout.write(output.join(""));
  if (code !== 0) process.stderr.write(`npm run ${name} failed\n`);
  return code === 0;
}

const outcomes = await Promise.all(["lint", "fresh", "types"].map(run));
if (outcomes.includes(false)) process.exitCode = 1;
