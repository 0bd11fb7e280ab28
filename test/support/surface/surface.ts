import { join } from "node:path";
import { services } from "../../../src/app/routes.ts";
import { allCommands } from "../../../src/cli/table.ts";
import { onEveryPage, withoutCommand, withoutPage } from "./exceptions.ts";

/** An RPC, the commands and pages that call it, and why there are none. */
export interface SurfaceRow {
  rpc: string;
  commands: string[];
  pages: string[];
  noCommand: string | undefined;
  noPage: string | undefined;
}

// The console has its own settings of the compiler, so this file takes only the shape of its pages.
const consolePages = join(import.meta.dirname, "..", "..", "..", "console", "src", "pages.ts");
const { pages }: { pages: readonly { path: string; rpcs: readonly string[] }[] } = await import(consolePages);

/** Returns a row for every RPC of the schema, in the order of the schema. */
export async function surfaceRows(): Promise<SurfaceRow[]> {
  const commands = (await allCommands()).flatMap((group) => group.commands);
  return rpcNames().map((rpc) => ({
    rpc,
    commands: commands.filter(({ rpcs }) => rpcs.includes(rpc)).map(({ path }) => path.join(" ")),
    pages: [
      ...(onEveryPage.includes(rpc) ? ["every page"] : []),
      ...pages.filter(({ rpcs }) => rpcs.includes(rpc)).map(({ path }) => path),
    ],
    noCommand: withoutCommand[rpc],
    noPage: withoutPage[rpc],
  }));
}

/** Returns the names of all RPCs, such as `ApiKeyService.ListApiKeys`. */
export function rpcNames(): string[] {
  return services.flatMap((service) => service.methods.map(({ name }) => `${service.name}.${name}`));
}

/** Returns the names of RPCs that commands and pages claim to call. */
export async function claimedNames(): Promise<string[]> {
  const commands = (await allCommands()).flatMap((group) => group.commands);
  return [...commands, ...pages].flatMap(({ rpcs }) => rpcs);
}

/** Returns the table of docs/surface.md. */
export function surfaceTable(rows: readonly SurfaceRow[]): string {
  const cell = (found: string[], reason: string | undefined) =>
    found.length > 0 ? found.map((one) => `\`${one}\``).join(", ") : `none: ${reason}`;
  const lines = rows.map(
    ({ rpc, commands, pages: shown, noCommand, noPage }) =>
      `| \`${rpc}\` | ${cell(commands, noCommand)} | ${cell(shown, noPage)} |`,
  );
  return ["| RPC | command | page |", "| --- | --- | --- |", ...lines].join("\n");
}
