import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";

/** What a person types after a prompt. */
export type Answer = readonly [prompt: string, text: string];

/** The options of commands at a terminal. */
export interface PtyOptions {
  cwd: string;
  env: Record<string, string>;
}

/** A command at a terminal of its own. */
export interface Pty {
  /** Resolves when the terminal has shown this text. */
  said(text: string): Promise<void>;
  type(text: string): void;
  /** Waits for a question and answers it. */
  answer(question: string, line: string): Promise<void>;
  ended: Promise<{ code: number | null; output: string }>;
}

/** Starts a line of a shell at a terminal, with `script` of util-linux. */
export function openPty(command: string, { cwd, env }: PtyOptions): Pty {
  // With the echo of a terminal, the tests see whether a password is hidden.
  const child: ChildProcess = spawn("script", ["-qef", "-E", "always", "-c", command, "/dev/null"], {
    cwd,
    env,
    stdio: ["pipe", "pipe", "inherit"],
  });
  const news = new EventEmitter();
  let output = "";
  // What an earlier answer has passed.
  let seen = 0;
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
    news.emit("text");
  });
  const ended = once(child, "close").then(([code]) => ({ code: code as number | null, output }));
  const failed = ended.then(({ code }) =>
    Promise.reject(new Error(`the command ended (${code}): ${output}`)),
  );
  failed.catch(() => {});

  async function said(text: string): Promise<void> {
    for (;;) {
      const at = output.indexOf(text, seen);
      if (at >= 0) {
        seen = at + text.length;
        return;
      }
      await Promise.race([once(news, "text"), failed]);
    }
  }

  const type = (text: string) => void child.stdin?.write(text);
  return {
    said,
    type,
    async answer(question, line) {
      await said(question);
      type(`${line}\r`);
    },
    ended,
  };
}

/** Runs commands of bash at a terminal, and gives these answers in their order. Rejects with the output if the commands fail. */
export async function runAtTerminal(
  commands: string,
  { cwd, env }: PtyOptions,
  answers: readonly Answer[],
): Promise<string> {
  const defaults = { PATH: process.env.PATH ?? "", TERM: "xterm" };
  const pty = openPty(`bash -euo pipefail -c ${quoted(commands)}`, { cwd, env: { ...defaults, ...env } });
  for (const [prompt, text] of answers) await pty.answer(prompt, text);
  const { code, output } = await pty.ended;
  if (code !== 0) throw new Error(`the commands ended with ${code}: ${plain(output)}`);
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
