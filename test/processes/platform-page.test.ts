import { spawn } from "node:child_process";
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { expect } from "vitest";
import { scratchDirectory } from "../support/server/scratch.ts";
import { test } from "../support/server/site-test.ts";

const page = readFileSync(new URL("../../docs/platform.md", import.meta.url), "utf8");
const separator = "=== the next block ===";

/** The blocks of commands of the page, each with the output that the page has for it. */
function blocksOf(markdown: string): { commands: string; output: string }[] {
  const found = [...markdown.matchAll(/```(sh|text)\n(.*?)```/gs)];
  return found.flatMap(([, kind, commands = ""], index) => {
    const [, following, output = ""] = found[index + 1] ?? [];
    return kind === "sh" ? [{ commands, output: following === "text" ? output : "" }] : [];
  });
}

test("docs/platform.md runs: each command in its order has the output of the page", async ({ newSite }) => {
  const site = newSite();
  const { url } = await site.serve();
  const blocks = blocksOf(page);
  const commands = blocks.map((block) => block.commands).join(`echo '${separator}'\n`);
  // The commands expect the data directory where the server of a checkout has it.
  const cwd = scratchDirectory("page");
  symlinkSync(site.dataDir, join(cwd, ".latchkey"));
  const script = commands.replaceAll("http://127.0.0.1:8080", url);
  const shell = spawn("bash", ["-euo", "pipefail", "-c", script], { cwd, stdio: ["ignore", "pipe", "pipe"] });
  const [stdout, stderr] = await Promise.all([text(shell.stdout), text(shell.stderr)]);
  rmSync(cwd, { recursive: true });
  expect(stderr).toBe("");
  expect(stdout.split(`${separator}\n`)).toEqual(blocks.map(({ output }) => output));
  expect(blocks.length).toBeGreaterThan(10);
});
