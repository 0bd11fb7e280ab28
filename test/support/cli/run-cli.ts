import { PassThrough, Writable } from "node:stream";
import { execute } from "../../../src/cli/run.ts";

/** What a command gets from its shell. */
export interface CliInput {
  env?: Record<string, string>;
  /** What is piped in. */
  stdin?: string;
  /** The lines that a person types. With them, all streams are terminals. */
  answers?: string[];
  columns?: number;
}

/** The end of a command. */
export interface CliEnd {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a command in this process, through the same code as the program. */
export async function runCli(args: readonly string[], input: CliInput = {}): Promise<CliEnd> {
  const { env = {}, stdin = "", answers, columns = 80 } = input;
  const isTTY = answers !== undefined;
  const [stdout, stderr] = [sink(isTTY, columns), sink(isTTY, columns)];
  const keyboard = Object.assign(new PassThrough(), { isTTY });
  if (answers) for (const answer of answers) keyboard.write(`${answer}\r`);
  else keyboard.end(stdin);
  const world = {
    env,
    stdin: keyboard,
    stdout: stdout.stream,
    stderr: stderr.stream,
    onInterrupt: () => () => {},
  };
  const code = await execute(args, world);
  return { code, stdout: stdout.text(), stderr: stderr.text() };
}

function sink(isTTY: boolean, columns: number) {
  let text = "";
  const stream = new Writable({
    decodeStrings: false,
    write(chunk, _, done) {
      text += chunk;
      done();
    },
  });
  return { stream: Object.assign(stream, isTTY ? { isTTY, columns } : {}), text: () => text };
}
