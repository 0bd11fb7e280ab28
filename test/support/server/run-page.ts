import { spawn } from "node:child_process";
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { npmEnv } from "../package/install.ts";
import { scratchDirectory } from "./scratch.ts";
import type { Site } from "./serve.ts";

const root = join(import.meta.dirname, "..", "..", "..");
const separator = "=== the next block ===";

/** The blocks of commands of a page: the output that the page has for each, and the output of the run. */
export interface PageRun {
  stderr: string;
  written: string[];
  printed: string[];
}

/** What differs between a run of a page and that of its reader. */
export interface PageOptions {
  /** Other texts of the page. */
  replaced?: Record<string, string>;
  /** The folder with the examples, if the page runs one. */
  examples?: string;
}

/**
 * Runs the commands of a page in their order, in one shell, against the server of a site. The shell finds the data directory
 * and the packages of npm where a checkout has them.
 */
export async function runPage(
  site: Pick<Site, "dataDir">,
  url: string,
  page: string,
  { replaced = {}, examples }: PageOptions = {},
): Promise<PageRun> {
  const blocks = blocksOf(readFileSync(join(root, page), "utf8"));
  const commands = blocks.map((block) => block.commands).join(`echo '${separator}'\n`);
  const cwd = scratchDirectory("page");
  symlinkSync(site.dataDir, join(cwd, ".latchkey"));
  symlinkSync(join(root, "node_modules"), join(cwd, "node_modules"));
  if (examples !== undefined) symlinkSync(examples, join(cwd, "examples"));
  let script = commands.replaceAll("http://127.0.0.1:8080", url);
  for (const [text, other] of Object.entries(replaced)) script = script.replaceAll(text, other);
  const shell = spawn("bash", ["-euo", "pipefail", "-c", script], {
    cwd,
    // npm warns about settings of this machine.
    env: { ...npmEnv(), LATCHKEY_URL: url, npm_config_loglevel: "error" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
  rmSync(cwd, { recursive: true });
  return { stderr, written: blocks.map(({ output }) => output), printed: stdout.split(`${separator}\n`) };
}

// A block of commands, and the block of text behind it, if there is one.
function blocksOf(markdown: string): { commands: string; output: string }[] {
  const found = [...markdown.matchAll(/```(sh|text)\n(.*?)```/gs)];
  return found.flatMap(([, kind, commands = ""], index) => {
    const [, following, output = ""] = found[index + 1] ?? [];
    return kind === "sh" ? [{ commands, output: following === "text" ? output : "" }] : [];
  });
}
