import { execFile } from "node:child_process";
import { readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { installExample, startExample } from "../support/guard/example.ts";
import { skipWithout } from "../support/missing-program.ts";
import { blocksOf } from "../support/server/page.ts";
import { runPage } from "../support/server/run-page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { createSite, type Served } from "../support/server/serve.ts";

const page = "docs/http.md";
const [quickstart = "", revoke = ""] = blocksOf("docs/quickstart-curl.md", "Quick start with curl", "sh");
const run = promisify(execFile);
// The Python that Debian's packages belong to. Another one may come first in PATH.
const python = "/usr/bin/python3";

/** Runs the program of a section against the server, and returns what it prints. */
async function runProgram([section, language, file]: string[], program: string) {
  const cwd = scratchDirectory("http-page");
  symlinkSync(site.dataDir, join(cwd, ".latchkey"));
  const [code = ""] = blocksOf(page, section ?? "", language ?? "");
  writeFileSync(join(cwd, file ?? ""), code.replace("http://127.0.0.1:8080", server.url));
  const { stdout, stderr } = await run(program, [file ?? ""], { cwd, timeout: 60_000 });
  rmSync(cwd, { recursive: true });
  expect(stderr).toBe("");
  return stdout;
}

const site = createSite();
let server: Served;
beforeAll(async () => {
  server = await site.serve();
});
afterAll(() => site.clear());

/** Runs the commands of a page, and expects the output that the page has. Returns these outputs. */
async function expectPage(path: string): Promise<string[]> {
  const { stderr, written, printed } = await runPage(site, server.url, path);
  expect(stderr).toBe("");
  expect(printed).toEqual(written);
  return written;
}

test("docs/platform.md runs: each command in its order has the output of the page", async () => {
  expect((await expectPage("docs/platform.md")).length).toBeGreaterThan(10);
});

test("docs/introspection.md runs: each command in its order has the output of the page", async () => {
  expect((await expectPage("docs/introspection.md")).length).toBeGreaterThan(5);
});

test("the commands and the JavaScript program of docs/http.md sign up, issue, use, verify, rotate and revoke a key", async () => {
  expect((await expectPage(page)).filter((output) => output !== "").length).toBe(2);
  const byProgram = await runProgram(["JavaScript", "js", "first.mjs"], process.execPath);
  expect([byProgram]).toEqual(blocksOf(page, "JavaScript", "text"));
});

test("the Python program of docs/http.md does the same with requests", async ({ task, skip }) => {
  await skipWithout({ task, skip }, python, ["-c", "import requests"], "apt-get install python3-requests");
  const printed = await runProgram(["Python", "python", "first.py"], python);
  expect([printed]).toEqual(blocksOf(page, "Python", "text"));
});

test("examples/prompts-api runs: each command of its README in its order has the output of the page", async () => {
  const folder = scratchDirectory("example");
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  await installExample(folder);
  const verifier = join(site.dataDir, "verifier-key");
  const api = startExample(folder, { LATCHKEY_URL: server.url, LATCHKEY_TOKEN_FILE: verifier });
  try {
    const apiUrl = await Promise.race([
      api.listening,
      api.ended.then(({ stderr }) => Promise.reject(new Error(stderr))),
    ]);
    const { stderr, written, printed } = await runPage(site, server.url, "examples/prompts-api/README.md", {
      replaced: { "http://127.0.0.1:3000": apiUrl },
      examples: join(folder, "examples"),
    });
    expect(stderr).toBe("");
    // The third call of the limited key may be some seconds after the first.
    expect(printed.map((text) => text.replace(/^429 (2\d|30)$/m, "429 30"))).toEqual(written);
    expect(written.length).toBeGreaterThan(6);
    expect(await api.stop()).toMatchObject({ code: 0, stderr: "" });
  } finally {
    await api.stop("SIGKILL");
  }
});

test("the commands of docs/quickstart-curl.md work on a first and a second run, and a failed run keeps the files", async () => {
  const directory = scratchDirectory("quickstart");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  symlinkSync(site.dataDir, join(directory, ".latchkey"));
  const paste = (block: string) =>
    bash(directory, block.replaceAll("127.0.0.1:8080", new URL(server.url).host));
  const files = () => ["me", "key.json"].map((name) => readFileSync(join(site.dataDir, name), "utf8"));
  const [, , verify = ""] = quickstart.trim().split("\n\n");
  const seen = new Set<string>();
  for (const _ of ["first", "second"]) {
    const { stdout, stderr } = await paste(quickstart);
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
  await expect(paste(quickstart)).rejects.toThrow(/curl: \(7\)/);
  expect(files()).toEqual(before);
});

/** Runs commands as a reader who pastes them into a shell. Rejects with stderr if the last one fails. */
function bash(directory: string, commands: string) {
  const options = { cwd: directory, timeout: 60_000 };
  return run("bash", ["-c", `set -euo pipefail\n${commands}`], options);
}
