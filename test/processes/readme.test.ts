import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { expect, inject, onTestFinished } from "vitest";
import { quickstartCommands } from "../../src/cli/quickstart.ts";
import { clientsAt } from "../support/actors/remote.ts";
import { password } from "../support/app.ts";
import { runAtTerminal } from "../support/cli/pty.ts";
import { long } from "../support/long.ts";
import { launchBrowser } from "../support/server/browser.ts";
import { blocksOf } from "../support/server/page.ts";
import { scratchDirectory } from "../support/server/scratch.ts";
import { test } from "../support/server/site-test.ts";

const email = "ada@example.com";
const root = join(import.meta.dirname, "..", "..");
const readme = readFileSync(join(root, "README.md"), "utf8");
const [first = ""] = blocksOf("README.md", "Latchkey", "sh");
const [bootstrap = "", health = ""] = blocksOf("README.md", "Run it", "sh");

test("the first commands of the README are those that the server prints, show a verified key, and lead into the console", async ({
  newSite,
}) => {
  expect(first.trim().split("\n")).toEqual(quickstartCommands("http://127.0.0.1:8080"));
  const site = newSite();
  const server = await site.serve();
  await server.said("The console is");
  const [, ...commands] =
    /In a second terminal, here:\n\n( {2}.*\n)( {2}.*\n)( {2}.*\n)\n/.exec(server.stderr()) ?? [];
  expect(commands.map((line) => line.trim())).toEqual(quickstartCommands(server.url));
  expect(server.stderr()).toContain(`The console is ${server.url}/console/.`);

  const directory = openDirectory();
  symlinkSync(site.dataDir, join(directory, ".latchkey"));
  const env = { ...shellEnv(directory), LATCHKEY_URL: server.url };
  const output = await runAtTerminal(first, { cwd: directory, env }, [
    ["E-mail address: ", email],
    ["Your name: ", "Ada"],
    ["Name of the account: ", "Acme"],
    ["Password (at least 10 characters): ", password],
    ["The same password again: ", password],
  ]);
  expect(output.match(/-> VERDICT_\w+/g)).toEqual(["-> VERDICT_VALID", "-> VERDICT_REVOKED"]);
  expect(output).toContain("my first key");
  expect(output.match(/lk_\w+_\w{64}/g)).toEqual([expect.stringMatching(/^lk_live_/)]);
  expect(output).not.toContain(password);
  expect(
    (await bash(directory, health.replaceAll("127.0.0.1:8080", new URL(server.url).host))).stdout,
  ).toContain('"status": "SERVING"');
  await logInToConsole(server.url);
});

/** Logs in at the console of the README as the person of the first commands. In `npm run test:long`, a browser does so in the console. */
async function logInToConsole(url: string): Promise<void> {
  const [, shown = "", target = ""] = /log in to the console .*: \[(.*)\]\((.*)\)/.exec(readme) ?? [];
  expect(shown).toBe(target);
  const console = target.replace("http://127.0.0.1:8080", url);
  expect(console).toContain(url);
  if (!long) {
    expect(await (await fetch(console)).text()).toContain("/console/assets/");
    const { token } = await clientsAt(url, "").sessions.logIn({ email, password });
    const { account } = await clientsAt(url, token).accounts.getAccount({});
    expect(account?.metadata?.name).toBe("Acme");
    return;
  }
  const { browser, close } = await launchBrowser();
  onTestFinished(close);
  const page = await browser.newPage();
  await page.goto(console);
  await page.getByLabel("E-mail address").fill(email);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Acme" }).waitFor();
}

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

/** Creates a directory in which `npx` runs the programs of this checkout, in the form that the tests of a run start. */
function openDirectory(): string {
  const directory = scratchDirectory("readme");
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }));
  mkdirSync(join(directory, "bin"));
  const script = `#!/bin/sh
name=$1; shift
case $name in
  latchkey) exec '${process.execPath}' '${inject("programs").latchkey}' "$@" ;;
  *) exec '${join(root, "node_modules", ".bin")}'/"$name" "$@" ;;
esac
`;
  writeFileSync(join(directory, "bin", "npx"), script);
  chmodSync(join(directory, "bin", "npx"), 0o755);
  return directory;
}

/** Runs commands as a reader who pastes them into a shell. Rejects with stderr if the last one fails. */
function bash(directory: string, commands: string) {
  const env = shellEnv(directory);
  return promisify(execFile)("bash", ["-c", `set -euo pipefail\n${commands}`], {
    cwd: directory,
    env,
    timeout: 60_000,
  });
}

function shellEnv(directory: string) {
  const PATH = `${join(directory, "bin")}:${process.env.PATH}`;
  return { PATH, HOME: directory, NODE_COMPILE_CACHE: inject("compileCache") };
}
