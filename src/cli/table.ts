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
    title: "Server",
    words: ["doctor", "try"],
    load: async () => (await import("./commands/health.ts")).healthCommands,
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
    title: "This user",
    words: ["session"],
    load: async () => (await import("./commands/session.ts")).sessionCommands,
  },
  {
    title: "This user",
    words: ["user"],
    load: async () => (await import("./commands/user.ts")).userCommands,
  },
  {
    title: "Account",
    words: ["account"],
    load: async () => [
      ...(await import("./commands/account.ts")).accountCommands,
      ...(await import("./commands/platform.ts")).platformCommands,
    ],
  },
  {
    title: "Account",
    words: ["workspace"],
    load: async () => (await import("./commands/workspace.ts")).workspaceCommands,
  },
  {
    title: "Account",
    words: ["audit"],
    load: async () => (await import("./commands/audit.ts")).auditCommands,
  },
  {
    title: "Account",
    words: ["usage"],
    load: async () => (await import("./commands/usage.ts")).usageCommands,
  },
  {
    title: "Account",
    words: ["system-key"],
    load: async () => (await import("./commands/system-key.ts")).systemKeyCommands,
  },
  {
    title: "People and machines",
    words: ["member"],
    load: async () => (await import("./commands/member.ts")).memberCommands,
  },
  {
    title: "People and machines",
    words: ["invite"],
    load: async () => (await import("./commands/invite.ts")).inviteCommands,
  },
  {
    title: "People and machines",
    words: ["team"],
    load: async () => (await import("./commands/team.ts")).teamCommands,
  },
  {
    title: "People and machines",
    words: ["role"],
    load: async () => (await import("./commands/role.ts")).roleCommands,
  },
  {
    title: "People and machines",
    words: ["service-account"],
    load: async () => (await import("./commands/service-account.ts")).serviceAccountCommands,
  },
  {
    title: "Platform",
    words: ["limits", "credits"],
    load: async () => (await import("./commands/limits.ts")).limitCommands,
  },
  {
    title: "Platform",
    words: ["embed-session"],
    load: async () => (await import("./commands/embed-session.ts")).embedSessionCommands,
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
  const titles = [...new Set(sources.map(({ title }) => title))];
  return Promise.all(
    titles.map(async (title) => {
      const own = sources.filter((source) => source.title === title);
      return { title, commands: (await Promise.all(own.map(({ load }) => load()))).flat() };
    }),
  );
}
