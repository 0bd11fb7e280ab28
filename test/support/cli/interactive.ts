import { type ChildProcess, spawn } from "node:child_process";
import { EventEmitter, once } from "node:events";

/** A command at a terminal of its own. */
export interface Pty {
  /** Resolves when the terminal has shown this text. */
  said(text: string): Promise<void>;
  type(text: string): void;
  /** Waits for a question and answers it. */
  answer(question: string, line: string): Promise<void>;
  ended: Promise<{ code: number | null; output: string }>;
}

// Runs a command on a new pseudo-terminal, copies between it and the pipes, and exits with the code of the command. The program `script`
// would need a terminal for its own input.
const program = `
import os, pty, select, signal, sys
pid, terminal = pty.fork()
if pid == 0:
    os.execvp("/bin/sh", ["/bin/sh", "-c", "exec " + sys.argv[1]])
open_input = True
while True:
    ready, _, _ = select.select([terminal] + ([0] if open_input else []), [], [])
    if terminal in ready:
        try:
            data = os.read(terminal, 65536)
        except OSError:
            break
        if not data:
            break
        os.write(1, data)
    if 0 in ready:
        data = os.read(0, 65536)
        if data:
            os.write(terminal, data)
        else:
            open_input = False
_, status = os.waitpid(pid, 0)
sys.exit(os.WEXITSTATUS(status) if os.WIFEXITED(status) else 128 + os.WTERMSIG(status))
`;

/** Starts a line of a shell at a terminal. */
export function openPty(command: string, { cwd, env }: { cwd: string; env: Record<string, string> }): Pty {
  const child: ChildProcess = spawn("python3", ["-c", program, command], {
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
