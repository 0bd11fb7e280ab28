import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { quickstartCommands } from "../../src/cli/quickstart.ts";
import { clientsAt } from "../support/actors/remote.ts";
import { blocksOf } from "../support/server/page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { test } from "../support/server/site-test.ts";

const root = join(import.meta.dirname, "..", "..");
const address = "127.0.0.1:8080";
const [first = "", revoke = ""] = blocksOf("README.md", "Latchkey", "sh");
const [bootstrap = "", health = ""] = blocksOf("README.md", "Run it", "sh");

test("the first commands of the README are those that the server prints", () => {
  const keys = { platform: ".latchkey/platform-key", verifier: ".latchkey/verifier-key" };
  expect(first.trim().split("\n\n")).toEqual(quickstartCommands(`http://${address}`, keys));
});

test("the first commands of the README work on a first and a second run, and a failed run keeps the files", async ({
  newSite,
}) => {
  const site = newSite();
  const server = await site.serve();
  const directory = openDirectory();
  symlinkSync(site.dataDir, join(directory, ".latchkey"));
  const paste = (block: string) => bash(directory, block.replaceAll(address, new URL(server.url).host));
  const files = () => ["me", "key.json"].map((name) => readFileSync(join(site.dataDir, name), "utf8"));
  const [, , verify = ""] = first.trim().split("\n\n");
  const seen = new Set<string>();
  for (const _ of ["first", "second"]) {
    const { stdout, stderr } = await paste(first);
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toMatchObject({ valid: true, verdict: "VERDICT_VALID" });
    for (const content of files()) {
      expect(content).toMatch(/lk_(ses|live)_\w{64}/);
      seen.add(content);
    }
    await paste(revoke);
    expect(JSON.parse((await paste(verify)).stdout)).toMatchObject({ verdict: "VERDICT_REVOKED" });
  }
  expect(seen.size).toBe(4);
  expect((await paste(health)).stdout).toContain('"status": "SERVING"');
  const before = files();
  await server.stop();
  await expect(paste(first)).rejects.toThrow(/curl: \(7\)/);
  expect(files()).toEqual(before);
});

test("the commands of the README for another Postgres work, and a second run keeps the key files", async ({
  external,
}) => {
  const directory = openDirectory();
  // The last command runs until it is stopped.
  const block = bootstrap
    .replace("postgres://latchkey@db.internal/latchkey", external.url)
    .replace("npx latchkey serve\n", "");
  await bash(directory, block);
  const files = () =>
    ["platform-key", "verifier-key"].map((name) => readFileSync(join(directory, name), "utf8"));
  const [platform = "", verifier = ""] = files();
  const { url } = await external.site.serve();
  await clientsAt(url, platform.trim()).accounts.searchAccounts({});
  await clientsAt(url, verifier.trim()).tokens.verifyToken({ token: "x" });
  await expect(bash(directory, block)).rejects.toThrow(/platform-key exists and is not overwritten/);
  expect(files()).toEqual([platform, verifier]);
});

/** Creates a directory in which `npx` runs the programs of this checkout. */
function openDirectory(): string {
  const directory = scratchDirectory("readme");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "bin"));
  const script = `#!/bin/sh
name=$1; shift
case $name in
  latchkey) exec '${process.execPath}' '${join(root, "src", "main.ts")}' "$@" ;;
  *) exec '${join(root, "node_modules", ".bin")}'/"$name" "$@" ;;
esac
`;
  writeFileSync(join(directory, "bin", "npx"), script);
  chmodSync(join(directory, "bin", "npx"), 0o755);
  return directory;
}

/** Runs commands as a reader who pastes them into a shell. Rejects with stderr if the last one fails. */
function bash(directory: string, commands: string) {
  const env = { PATH: `${join(directory, "bin")}:${process.env.PATH}`, HOME: directory };
  return promisify(execFile)("bash", ["-c", `set -euo pipefail\n${commands}`], {
    cwd: directory,
    env,
    timeout: 60_000,
  });
}
