import { execFile } from "node:child_process";
import { rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect } from "vitest";
import { skipWithout } from "../support/missing-program.ts";
import { blocksOf } from "../support/server/page.ts";
import { runPage } from "../support/server/run-page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { test } from "../support/server/site-test.ts";

const page = "docs/http.md";
const run = promisify(execFile);
// The Python that Debian's packages belong to. Another one may come first in PATH.
const python = "/usr/bin/python3";

/** Runs the program of a section against a server, and returns what it prints. */
async function runProgram(
  dataDir: string,
  url: string,
  [section, language, file]: string[],
  program: string,
) {
  const cwd = scratchDirectory("http-page");
  symlinkSync(dataDir, join(cwd, ".latchkey"));
  const [code = ""] = blocksOf(page, section ?? "", language ?? "");
  writeFileSync(join(cwd, file ?? ""), code.replace("http://127.0.0.1:8080", url));
  const { stdout, stderr } = await run(program, [file ?? ""], { cwd, timeout: 60_000 });
  rmSync(cwd, { recursive: true });
  expect(stderr).toBe("");
  return stdout;
}

test("the commands and the JavaScript program of docs/http.md sign up, issue, use, verify, rotate and revoke a key", async ({
  newSite,
}) => {
  const site = newSite();
  const { url } = await site.serve();
  const { stderr, written, printed } = await runPage(site, url, page);
  expect(stderr).toBe("");
  expect(printed).toEqual(written);
  expect(written.filter((output) => output !== "").length).toBe(2);
  const byProgram = await runProgram(site.dataDir, url, ["JavaScript", "js", "first.mjs"], process.execPath);
  expect([byProgram]).toEqual(blocksOf(page, "JavaScript", "text"));
});

test("the Python program of docs/http.md does the same with requests", async ({ newSite, task, skip }) => {
  await skipWithout({ task, skip }, python, ["-c", "import requests"], "apt-get install python3-requests");
  const site = newSite();
  const { url } = await site.serve();
  const printed = await runProgram(site.dataDir, url, ["Python", "python", "first.py"], python);
  expect([printed]).toEqual(blocksOf(page, "Python", "text"));
});
