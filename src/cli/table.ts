import type { CommandTable } from "./arguments.ts";
import type { Command } from "./command.ts";
import type { Group } from "./help.ts";

/** The commands of one file, and the first words by which the parser finds it. */
interface Source {
  /** The heading of the commands in the overview. */
  readonly title: string;
  readonly words: readonly string[];
  load(): Promise<readonly Command[]>;
}

// Only the file of the command that runs is loaded. Parser, help, completion and docs/cli.md follow from this table.
const sources: readonly Source[] = [
  {
    title: "Server",
    words: ["serve", "migrate", "bootstrap", "external-ids"],
    load: async () => (await import("./commands/server.ts")).serverCommands,
  },
  {
    title: "This user",
    words: ["sign-up", "login", "logout", "whoami"],
    load: async () => (await import("./commands/login.ts")).loginCommands,
  },
  {
    title: "API keys",
    words: ["key"],
    load: async () => (await import("./commands/key.ts")).keyCommands,
  },
  {
    title: "Tokens",
    words: ["verify", "token"],
    load: async () => (await import("./commands/token.ts")).tokenCommands,
  },
  {
    title: "This program",
    words: ["completion"],
    load: async () => (await import("./commands/completion.ts")).completionCommands,
  },
];

/** The table of all commands. */
export const commandTable: CommandTable = {
  words: sources.flatMap(({ words }) => words),
  async load(word) {
    const commands = (await sources.find(({ words }) => words.includes(word))?.load()) ?? [];
    return commands.filter(({ path }) => path[0] === word);
  },
};

/** Returns all commands, in the order and under the headings of the overview. */
export async function allCommands(): Promise<Group[]> {
  return Promise.all(sources.map(async ({ title, load }) => ({ title, commands: await load() })));
}
