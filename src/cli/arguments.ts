import { parseArgs } from "node:util";
import type { Command } from "./command.ts";
import { type AnyInput, type GlobalInput, globalOptions, type Option } from "./definition.ts";
import { usageError } from "./failure.ts";
import { didYouMean } from "./suggestion.ts";

/** Finds the commands that a word begins. */
export interface CommandTable {
  readonly words: readonly string[];
  load(word: string): Promise<readonly Command[]>;
}

/** What a command line asks for. */
export type Request =
  | { readonly kind: "help"; readonly words: readonly string[] }
  | { readonly kind: "version" }
  | {
      readonly kind: "run";
      readonly command: Command;
      readonly input: AnyInput;
      readonly globals: GlobalInput;
    };

const tokenForm = /[_-](?:live|test|svc|dev|ses|inv|otp|emb)[_-][0-9a-z]{16}/i;

/** Reads a command line. Throws an error of one line if it is wrong. The line never quotes a token. */
export async function readArguments(table: CommandTable, args: readonly string[]): Promise<Request> {
  refuseTokens(args);
  if (args.length === 0) return { kind: "help", words: [] };
  const { words, rest } = await findCommand(table, args);
  const [first] = words;
  if (first === "help") return { kind: "help", words: positionalsOf(rest) };
  const asksForHelp = rest.some((arg, index) =>
    arg === "--help" || arg === "-h" ? !rest.slice(0, index).includes("--") : false,
  );
  if (asksForHelp) return { kind: "help", words };
  if (first === undefined) {
    if (rest.includes("--version")) return { kind: "version" };
    throw usageError("expected a command", "run `latchkey --help`");
  }
  const commands = await table.load(first);
  const command = commands.find((one) => one.path.join(" ") === words.join(" "));
  if (!command) throw incomplete(words, commands);
  return { kind: "run", command, ...readInput(command, rest) };
}

// Every user of the machine can read the arguments of a process.
function refuseTokens(args: readonly string[]): void {
  if (!args.some((arg) => tokenForm.test(arg))) return;
  throw usageError(
    "an argument contains a token, which every user of this machine can read, and which the shell keeps in its history; pass it on stdin or in a file, and revoke it if it is in use",
    "",
  );
}

/** Splits a command line into the words that name a command, and the rest. */
async function findCommand(table: CommandTable, args: readonly string[]) {
  const words: string[] = [];
  const rest: string[] = [];
  let commands: readonly Command[] = [];
  for (let index = 0; index < args.length; index++) {
    const arg = args[index] ?? "";
    if (arg === "--" || isComplete(commands, words)) return { words, rest: [...rest, ...args.slice(index)] };
    if (arg.startsWith("-")) {
      rest.push(arg);
      // The value of an option that stands before the command is no word of it.
      if (takesNext(arg) && args[index + 1] !== undefined) rest.push(args[++index] ?? "");
      continue;
    }
    if (words.length === 0) {
      if (arg === "help") return { words: ["help"], rest: [...rest, ...args.slice(index + 1)] };
      if (!table.words.includes(arg)) throw unknown(arg, [], table.words);
      commands = await table.load(arg);
      words.push(arg);
      continue;
    }
    const next = nextWords(commands, words);
    if (!next.includes(arg)) throw unknown(arg, words, next);
    words.push(arg);
  }
  return { words, rest };
}

const isComplete = (commands: readonly Command[], words: readonly string[]) =>
  commands.some((one) => one.path.join(" ") === words.join(" "));

/** Returns the words that can follow these. */
export function nextWords(commands: readonly Command[], words: readonly string[]): string[] {
  const next = commands.filter(({ path }) => words.every((word, index) => path[index] === word));
  return [...new Set(next.flatMap(({ path }) => path[words.length] ?? []))];
}

function unknown(word: string, before: readonly string[], known: readonly string[]) {
  const name = [...before, word].join(" ");
  const help = ["latchkey", ...before, "--help"].join(" ");
  return usageError(`unknown command "${name}"${didYouMean(word, known)}`, `run \`${help}\``);
}

function incomplete(words: readonly string[], commands: readonly Command[]) {
  const name = words.join(" ");
  const next = nextWords(commands, words).join(", ");
  return usageError(`expected a command after "${name}": ${next}`, `run \`latchkey ${name} --help\``);
}

function takesNext(arg: string): boolean {
  const option = Object.entries<Option>(globalOptions).find(
    ([name, { short }]) => arg === `--${name}` || (short !== undefined && arg === `-${short}`),
  )?.[1];
  return option?.value !== undefined;
}

const positionalsOf = (rest: readonly string[]) => rest.filter((arg) => !arg.startsWith("-"));

/** Reads the options and arguments of a command. */
function readInput(command: Command, rest: readonly string[]): { input: AnyInput; globals: GlobalInput } {
  const own = command.options ?? {};
  const options: Record<string, Option> = { ...globalOptions, ...own };
  const hint = `run \`latchkey ${command.path.join(" ")} --help\``;
  const { tokens } = parseArgs({
    args: [...rest],
    strict: false,
    tokens: true,
    options: Object.fromEntries(Object.entries(options).map(([name, one]) => [name, parserOption(one)])),
  });
  const values: Record<string, string | string[] | boolean | undefined> = {};
  for (const [name, { value, many }] of Object.entries(options)) {
    values[name] = value === undefined ? false : many ? [] : undefined;
  }
  const positionals: string[] = [];
  for (const token of tokens) {
    if (token.kind === "positional") positionals.push(token.value);
    if (token.kind !== "option") continue;
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined;
    if (!option) throw usageError(unknownOption(token.rawName, options), hint);
    const problem = problemOf(token, option, values[token.name]);
    if (problem !== undefined) throw usageError(`${token.rawName} ${problem}`, hint);
    const given = values[token.name];
    if (option.value === undefined) values[token.name] = true;
    else values[token.name] = Array.isArray(given) ? [...given, token.value ?? ""] : token.value;
  }
  for (const [name, { required, value }] of Object.entries(own)) {
    if (required && values[name] === undefined) throw usageError(`--${name} ${value} is missing`, hint);
  }
  const globals = Object.fromEntries(Object.keys(globalOptions).map((name) => [name, values[name]]));
  const input = Object.fromEntries(Object.keys(own).map((name) => [name, values[name]]));
  return {
    input: { ...input, ...readPositionals(command, positionals, hint) },
    globals: globals as GlobalInput,
  };
}

const parserOption = ({ value, many = false, short }: Option) =>
  ({
    type: value === undefined ? "boolean" : "string",
    multiple: many,
    ...(short !== undefined && { short }),
  }) as const;

/** An option as the parser of Node found it. */
interface Found {
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function problemOf({ value, inlineValue }: Found, option: Option, before: unknown): string | undefined {
  if (option.value === undefined) return value === undefined ? undefined : "takes no value";
  if (value === undefined) return `needs a value: ${option.value}`;
  if (value === "" && option.mayBeEmpty !== true) {
    return `needs a value that is not empty: ${option.value}. Is a variable of the shell unset?`;
  }
  if (!inlineValue && value.length > 1 && value.startsWith("-")) {
    return `needs a value: ${option.value}. A value that begins with - is written after =`;
  }
  if (option.many !== true && before !== undefined) return "was given twice";
  if (option.choices && !option.choices.includes(value)) {
    return `must be one of ${option.choices.join(", ")}${didYouMean(value, option.choices)}`;
  }
  return undefined;
}

function unknownOption(rawName: string, options: Record<string, Option>): string {
  if (/^--(token|password|secret)$/.test(rawName)) {
    return `${rawName} is not an option, because every user of this machine can read the arguments of a process: use a file`;
  }
  const names = Object.keys(options).map((name) => `--${name}`);
  return `unknown option ${rawName}${didYouMean(rawName, names)}`;
}

function readPositionals(command: Command, given: readonly string[], hint: string): AnyInput {
  const known = command.arguments ?? [];
  const values: Record<string, string | string[] | undefined> = {};
  for (const [index, { name, optional, many }] of known.entries()) {
    const value = many ? given.slice(index) : given[index];
    const isMissing = value === undefined || (many && value.length === 0);
    if (given.slice(index).includes("")) throw usageError(`${name.toUpperCase()} is empty`, hint);
    if (isMissing && !optional) throw usageError(`${name.toUpperCase()} is missing`, hint);
    values[name] = value;
  }
  if (given.length > known.length && !known.at(-1)?.many) {
    if (command.refusesArguments !== undefined) throw usageError(command.refusesArguments, hint);
    throw usageError(`unexpected argument after ${["latchkey", ...command.path].join(" ")}`, hint);
  }
  return values;
}
