import { createInterface, type Interface } from "node:readline";
import { Writable } from "node:stream";
import { failureOf, interrupted, usageError } from "./failure.ts";
import { visible } from "./text.ts";
import type { World } from "./world.ts";

/** Asks the person at the terminal. */
export interface Terminal {
  /** Whether there is a person to ask. */
  readonly isThere: boolean;
  /** Asks for one line. An empty answer is the default. */
  ask(question: string, byDefault?: string): Promise<string>;
  /** Asks for one line that the terminal does not show. */
  askSecret(question: string): Promise<string>;
  close(): void;
}

/** Creates the terminal of a process. `remedy` of each question says what to do without a person. */
export function createTerminal({ stdin, stderr }: Pick<World, "stdin" | "stderr">): Terminal {
  const isThere = stdin.isTTY === true && stderr.isTTY === true;
  let reader: Reader | undefined;

  async function read(question: string, secret: boolean): Promise<string> {
    if (!isThere) throw usageError(`there is no terminal to ask "${question}", so an option must have it`);
    reader ??= createReader(stdin, stderr);
    return reader.read(`${visible(question)}: `, secret);
  }

  return {
    isThere,
    async ask(question, byDefault) {
      const answer = await read(byDefault === undefined ? question : `${question} [${byDefault}]`, false);
      return answer.trim() || (byDefault ?? "");
    },
    askSecret: (question) => read(question, true),
    close() {
      reader?.close();
      reader = undefined;
    },
  };
}

interface Reader {
  read(prompt: string, secret: boolean): Promise<string>;
  close(): void;
}

/** Reads lines. Lines that arrive before their question are kept. */
function createReader(stdin: World["stdin"], stderr: World["stderr"]): Reader {
  // While no question is open, too: the line after the one that answers it may be a password of the same paste.
  let muted = true;
  const output = new Writable({
    write(chunk, _, done) {
      if (!muted) stderr.write(chunk);
      done();
    },
  });
  const lines: string[] = [];
  let waiting: { resolve(line: string): void; reject(error: Error): void } | undefined;
  let ended: Error | undefined;
  const readline: Interface = createInterface({ input: stdin, output, terminal: true, historySize: 0 });

  function end(error: Error): void {
    ended ??= error;
    waiting?.reject(ended);
    waiting = undefined;
  }
  readline.on("line", (line) => {
    muted = true;
    if (waiting) waiting.resolve(line);
    else lines.push(line);
    waiting = undefined;
  });
  readline.on("SIGINT", () => {
    if (waiting) return end(interrupted());
    // Between two questions, Ctrl-C does what it does without a terminal.
    readline.close();
    process.kill(process.pid, "SIGINT");
  });
  readline.on("close", () => end(failureOf("the input ended before an answer")));

  return {
    async read(prompt, secret) {
      muted = false;
      readline.setPrompt(prompt);
      readline.prompt();
      muted = secret;
      try {
        const kept = lines.shift();
        if (kept !== undefined) return kept;
        if (ended) throw ended;
        return await new Promise<string>((resolve, reject) => {
          waiting = { resolve, reject };
        });
      } finally {
        if (secret || ended) stderr.write("\n");
        muted = true;
      }
    },
    close: () => readline.close(),
  };
}
