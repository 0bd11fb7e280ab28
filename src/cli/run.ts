import type { LatchkeyError } from "../client/error.ts";
import { ConfigError } from "../config/config-error.ts";
import type { Env } from "../config/reader.ts";
import { type Request, readArguments } from "./arguments.ts";
import { type Context, createContext } from "./context.ts";
import type { Definition } from "./definition.ts";
import { exitCodeOf, isLatchkeyError, linesOf, namesHelp } from "./failure.ts";
import { allCommands, commandTable } from "./table.ts";
import { jsonText, shortened, visible } from "./text.ts";
import { readVersion } from "./version.ts";
import { processWorld, type World } from "./world.ts";

/** Runs the command that the arguments name, and ends the process with its exit code. */
export async function run(args: readonly string[], env: Env): Promise<void> {
  // A reader of the output that has ended must not end a server, and is no failure of a command.
  process.stdout.on("error", () => {});
  process.stderr.on("error", () => {});
  const code = await execute(args, processWorld(env));
  process.exitCode = code;
  // A command that failed may have left a timer or a connection.
  if (code !== 0) process.stdout.write("", () => process.stderr.write("", () => process.exit(code)));
}

/** Runs a command, and returns its exit code. If it fails, writes one line for each problem to stderr. */
export async function execute(args: readonly string[], world: World): Promise<number> {
  let context: Context | undefined;
  let command: Definition | undefined;
  try {
    const request = await readArguments(commandTable, args);
    if (request.kind !== "run") {
      world.stdout.write(request.kind === "version" ? `latchkey ${readVersion()}\n` : await helpFor(request));
      return 0;
    }
    ({ command } = request);
    context = createContext(world, request.globals, definitions);
    await request.command.run(context, request.input);
    await context.out.written();
    return 0;
  } catch (error) {
    await report(error, world, context, command);
    return exitCodeOf(error);
  } finally {
    context?.close();
  }
}

async function definitions() {
  return (await allCommands()).flatMap(({ commands }) => commands);
}

async function helpFor({ words }: Extract<Request, { kind: "help" }>): Promise<string> {
  const { helpOf, helpOfWord, overview } = await import("./help.ts");
  const [first] = words;
  if (first === undefined) return overview(await allCommands());
  const commands = (await commandTable.load(first)).filter(({ path }) =>
    words.every((word, n) => path[n] === word),
  );
  const [only] = commands;
  if (!only) return helpFor({ kind: "help", words: words.slice(0, -1) });
  return commands.length === 1 && only.path.length === words.length
    ? helpOf(only)
    : helpOfWord(words, commands);
}

async function report(
  error: unknown,
  world: World,
  context: Context | undefined,
  command: Definition | undefined,
): Promise<void> {
  // A message may quote a URL with a password, or what the caller pasted.
  const { scrub, scrubSentence } = await import("../infra/log.ts");
  const write = (line: string) => void world.stderr.write(`${line}\n`);
  if (context?.globals.json && isLatchkeyError(error)) return write(scrub(jsonText(bounded(error))));
  const problems = await problemsOf(error, context);
  const help = ["latchkey", ...(command?.path ?? []), "--help"].join(" ");
  const lines = namesHelp(error) ? problems.map((line) => `${line}; run \`${help}\``) : problems;
  for (const line of lines.slice(0, mostLines)) write(scrubSentence(`latchkey: ${visible(shortened(line))}`));
  if (lines.length > mostLines) write(`latchkey: and ${lines.length - mostLines} more`);
}

const mostLines = 50;

/** Returns what a program reads about a refusal. The server decides how long its texts are. */
function bounded({ reason, message, metadata, violations, requestId }: LatchkeyError) {
  const facts = Object.entries(metadata).slice(0, mostLines);
  return {
    reason: shortened(reason),
    message: shortened(message),
    metadata: Object.fromEntries(facts.map(([name, value]) => [shortened(name), shortened(value)])),
    violations: violations.slice(0, mostLines).map(({ field, description }) => ({
      field: shortened(field),
      description: shortened(description),
    })),
    requestId,
  };
}

async function problemsOf(error: unknown, context: Context | undefined): Promise<string[]> {
  if (error instanceof ConfigError) return error.message.split("\n");
  const url = isLatchkeyError(error) ? (context?.url() ?? "") : "";
  const serverVersion = async () =>
    (await import("./server-version.ts")).serverVersion(url, await context?.ca());
  const tokenSource = context?.tokenSource();
  const lines = await linesOf(error, {
    url,
    version: readVersion(),
    tokenSource,
    listCommand,
    serverVersion,
  });
  return lines.map((line) => line.replaceAll("\n", " "));
}

// The kinds of resources whose commands have another name.
const otherNames: Record<string, string> = { "API key": "key", profile: "member" };

async function listCommand(kind: string): Promise<string | undefined> {
  const word = otherNames[kind] ?? kind.replaceAll(" ", "-");
  const commands = commandTable.words.includes(word) ? await commandTable.load(word) : [];
  return commands.some(({ path }) => path[1] === "list") ? `latchkey ${word} list` : undefined;
}
