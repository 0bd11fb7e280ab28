import { execFile } from "node:child_process";
import { readFileSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, onTestFinished } from "vitest";
import { blocksOf } from "../support/server/page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { test } from "../support/server/site-test.ts";

const address = "127.0.0.1:8080";
const [first = "", revoke = ""] = blocksOf("docs/quickstart-curl.md", "Quick start with curl", "sh");

test("the commands of docs/quickstart-curl.md work on a first and a second run, and a failed run keeps the files", async ({
  newSite,
}) => {
  const site = newSite();
  const server = await site.serve();
  const directory = scratchDirectory("quickstart");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
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
  const before = files();
  await server.stop();
  await expect(paste(first)).rejects.toThrow(/curl: \(7\)/);
  expect(files()).toEqual(before);
});

/** Runs commands as a reader who pastes them into a shell. Rejects with stderr if the last one fails. */
function bash(directory: string, commands: string) {
  const options = { cwd: directory, timeout: 60_000 };
  return promisify(execFile)("bash", ["-c", `set -euo pipefail\n${commands}`], options);
}
