import type { Definition, Option } from "../../../src/cli/definition.ts";
import { usageOf } from "../../../src/cli/help.ts";
import { allCommands } from "../../../src/cli/table.ts";

/** Returns the section of docs/cli.md about all commands. */
export async function commandSection(): Promise<string> {
  const groups = await allCommands();
  return groups
    .map(({ title, commands }) => `### ${title}\n\n${commands.map(rowsOf).join("\n\n")}`)
    .join("\n\n");
}

function rowsOf(command: Definition): string {
  const { path, summary, description, options = {} } = command;
  const args = (command.arguments ?? []).map(({ name, summary: about }) => [name.toUpperCase(), about]);
  const rows = [...args, ...Object.entries(options).map(optionRow)];
  const first = `**\`${path.join(" ")}\`**: ${summary}.${description === undefined ? "" : ` ${description}`}`;
  const table = rows.map(([left, right]) => `| \`${left}\` | ${(right ?? "").replaceAll("|", "\\|")} |`);
  return [
    first,
    `\`\`\`text\n${usageOf(command)}\n\`\`\``,
    ...(rows.length > 0 ? [["| argument or option | meaning |", "| --- | --- |", ...table].join("\n")] : []),
  ].join("\n\n");
}

function optionRow([name, { value, short, choices, many, required, summary }]: [string, Option]): string[] {
  const flag = short === undefined ? `--${name}` : `-${short}, --${name}`;
  const values = choices ? ` (${choices.map((one) => `\`${one}\``).join(", ")})` : "";
  const notes = [...(required ? ["required"] : []), ...(many ? ["may be given several times"] : [])];
  const more = notes.length > 0 ? `; ${notes.join("; ")}` : "";
  return [value === undefined ? flag : `${flag} ${value}`, `${summary}${values}${more}`];
}
