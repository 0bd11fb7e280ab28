import { type Argument, type Definition, globalOptions, type Option } from "./definition.ts";

/** A group of commands in the overview. */
export interface Group {
  readonly title: string;
  readonly commands: readonly Definition[];
}

const indent = "  ";
const widest = 32;

const paragraphs = [
  "The exit code is 0, 1 if the server or this program refuses, 2 for a wrong command line, 3 if the server cannot be reached, and 130 after Ctrl-C.",
  "The settings of the server are environment variables such as LATCHKEY_PORT. The README lists them.",
];

/** Returns the overview of all commands. */
export function overview(groups: readonly Group[]): string {
  const sections = groups.map(({ title, commands }) => section(title, linesByWord(commands)));
  return [
    "latchkey: API keys and workspace access for multi-tenant platforms\n",
    section("Usage", [
      ["latchkey COMMAND [ARGUMENTS] [OPTIONS]", ""],
      ["latchkey COMMAND --help", "explain a command, with examples"],
      ["latchkey --version", "show the version"],
    ]),
    ...sections,
    section("Options of every command", optionLines(globalOptions)),
    ...paragraphs.map((text) => `${wrap(text)}\n`),
  ].join("\n");
}

/** Returns the help of the commands that begin with the same word. */
export function helpOfWord(words: readonly string[], commands: readonly Definition[]): string {
  const name = ["latchkey", ...words].join(" ");
  return [
    section("Usage", [[`${name} COMMAND [ARGUMENTS] [OPTIONS]`, ""]]),
    section("Commands", commands.map(nameAndSummary)),
    `Run \`${name} COMMAND --help\` for its options and examples.\n`,
  ].join("\n");
}

/** Returns the help of one command. */
export function helpOf(command: Definition): string {
  const { summary, description, options = {}, examples } = command;
  const parts = [`${wrap(`${usageOf(command)}: ${summary}`)}\n`];
  if (description !== undefined) parts.push(`${wrap(description)}\n`);
  const args = command.arguments ?? [];
  if (args.length > 0)
    parts.push(
      section(
        "Arguments",
        args.map((one) => [argumentWord(one), one.summary]),
      ),
    );
  if (Object.keys(options).length > 0) parts.push(section("Options", optionLines(options)));
  parts.push(section("Options of every command", optionLines(globalOptions)));
  parts.push(
    ["Examples:", ...examples.flatMap((one) => [`${indent}# ${one.text}`, `${indent}${one.command}`])].join(
      "\n",
    ),
  );
  return `${parts.join("\n")}\n`;
}

/** Returns the usage line of a command, such as `latchkey key get KEY_ID`. */
export function usageOf({ path, arguments: args = [], options = {} }: Definition): string {
  const required = Object.entries(options)
    .filter(([, { required }]) => required)
    .map(([name, { value }]) => `--${name} ${value}`);
  const hasOther = Object.values(options).some(({ required }) => !required);
  return [
    "latchkey",
    ...path,
    ...args.map(argumentWord),
    ...required,
    ...(hasOther ? ["[OPTIONS]"] : []),
  ].join(" ");
}

function argumentWord({ name, optional, many }: Argument): string {
  const word = `${name.toUpperCase()}${many ? "..." : ""}`;
  return optional ? `[${word}]` : word;
}

function nameAndSummary(command: Definition): [string, string] {
  const args = (command.arguments ?? []).map(argumentWord);
  return [["latchkey", ...command.path, ...args].join(" "), command.summary];
}

// One line for each first word. A word with several commands lists them.
function linesByWord(commands: readonly Definition[]): [string, string][] {
  const words = [...new Set(commands.map(({ path }) => path[0]))];
  return words.map((word) => {
    const own = commands.filter(({ path }) => path[0] === word);
    const [only] = own;
    if (only && own.length === 1 && only.path.length === 1) return nameAndSummary(only);
    return [`latchkey ${word} COMMAND`, own.map(({ path }) => path.slice(1).join(" ")).join(", ")];
  });
}

function optionLines(options: Readonly<Record<string, Option>>): [string, string][] {
  return Object.entries(options).map(([name, { short, value, choices, many, summary }]) => {
    const flag = short === undefined ? `--${name}` : `-${short}, --${name}`;
    const values = choices ? ` (${choices.join(", ")})` : "";
    const times = many ? "; may be given several times" : "";
    return [value === undefined ? flag : `${flag} ${value}`, `${summary}${values}${times}`];
  });
}

function section(title: string, lines: readonly (readonly [string, string])[]): string {
  const width = Math.min(widest, Math.max(...lines.map(([left]) => left.length)));
  const margin = " ".repeat(width + 2 * indent.length);
  const text = lines.map(([left, right]) => {
    if (right === "") return `${indent}${left}`;
    const wrapped = wrap(right, lineWidth - margin.length).replaceAll("\n", `\n${margin}`);
    if (left.length <= width) return `${indent}${left.padEnd(width)}${indent}${wrapped}`;
    return `${indent}${left}\n${margin}${wrapped}`;
  });
  return `${title}:\n${text.join("\n")}\n`;
}

// The usual width of a terminal.
const lineWidth = 80;

function wrap(text: string, width = lineWidth): string {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length + 1 > width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
  }
  return lines.join("\n");
}
