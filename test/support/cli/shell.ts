import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { type CliEnd, runCli } from "./run-cli.ts";

/** How a line of a shell runs. */
export interface ShellOptions {
  env: Record<string, string>;
  /** The directory that file names start from. */
  directory: string;
  answers?: string[] | undefined;
}

/**
 * Runs a line such as `latchkey key list --quiet > ids` in this process. It knows quotes, `<`, `>`, `|` and variables before the
 * command, and no more: an example that needs more is too long for a help.
 */
export async function runLine(line: string, { env, directory, answers }: ShellOptions): Promise<CliEnd> {
  let stdin = "";
  let end: CliEnd = { code: 0, stdout: "", stderr: "" };
  for (const part of line.split(" | ")) {
    const words = wordsOf(part);
    const own: Record<string, string> = {};
    while (/^[A-Z_]+=/.test(words[0] ?? "")) {
      const [name = "", value = ""] = (words.shift() ?? "").split("=");
      own[name] = value;
    }
    if (words.shift() !== "latchkey") throw new Error(`expected latchkey in ${part}`);
    const args: string[] = [];
    let target: string | undefined;
    for (let word = words.shift(); word !== undefined; word = words.shift()) {
      if (word === "<") stdin = readFileSync(resolve(directory, words.shift() ?? ""), "utf8");
      else if (word === ">") target = words.shift();
      else args.push(word);
    }
    end = await inDirectory(directory, () =>
      runCli(args, { env: { ...env, ...own }, stdin, ...(answers && { answers }) }),
    );
    if (target !== undefined) writeFileSync(resolve(directory, target), end.stdout);
    stdin = end.stdout;
  }
  return end;
}

async function inDirectory<T>(directory: string, work: () => Promise<T>): Promise<T> {
  const before = process.cwd();
  process.chdir(directory);
  try {
    return await work();
  } finally {
    process.chdir(before);
  }
}

function wordsOf(line: string): string[] {
  return [...line.matchAll(/'([^']*)'|"([^"]*)"|(\S+)/g)].map(
    ([, single, double, plain]) => single ?? double ?? plain ?? "",
  );
}
