import { spawn } from "node:child_process";

/** What a person types after a prompt. */
export type Answer = readonly [prompt: string, text: string];

/** The options of commands at a terminal. */
export interface PtyOptions {
  directory: string;
  env: Record<string, string>;
  /** Each is typed when its prompt is the end of the output. */
  answers?: readonly Answer[];
}

/** Runs commands of bash at a real terminal, with `script` of util-linux. Rejects with the output if they fail. */
export async function runAtTerminal(
  commands: string,
  { directory, env, answers = [] }: PtyOptions,
): Promise<string> {
  const child = spawn("script", ["-qefc", `bash -euo pipefail -c ${quoted(commands)}`, "/dev/null"], {
    cwd: directory,
    env: { PATH: process.env.PATH, TERM: "xterm", SHELL: "/bin/bash", ...env },
    stdio: ["pipe", "pipe", "pipe"],
  });
  const waiting = [...answers];
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    const [next] = waiting;
    if (!next || !plain(output).endsWith(next[0])) return;
    waiting.shift();
    child.stdin.write(`${next[1]}\r`);
  });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`the commands ended with ${code}: ${plain(output)}`);
  if (waiting.length > 0) throw new Error(`no prompt "${waiting[0]?.[0]}" came: ${plain(output)}`);
  return plain(output);
}

/** Returns what a person reads: the output without control sequences of the terminal. */
function plain(output: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: a control sequence begins with one.
  return output.replaceAll(/\u001b\[[0-9;?]*[A-Za-z]/g, "").replaceAll("\r\n", "\n");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
