import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { allCommands } from "../../src/cli/table.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { issueKey, password } from "../support/app.ts";
import type { Pty } from "../support/cli/pty.ts";
import { openGate, shellOf } from "../support/cli/site-shell.ts";
import { createSite } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

const waits = "press Ctrl-C again to stop now";
const ctrlC = "\u0003";

const site = createSite();
let url: string;
let people = 0;
beforeAll(async () => {
  ({ url } = await site.serve());
});
afterAll(() => site.clear());

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("at a real terminal", () => {
  test("sign-up asks, hides the password, and keeps the session where only its owner can read it", async () => {
    const shell = shellOf(site, url);
    const pty = shell.pty("latchkey sign-up");
    await pty.answer("E-mail address: ", "ada@example.com");
    await pty.answer("Your name: ", "Ada");
    await pty.answer("Name of the account: ", "Acme");
    await pty.answer("Password (at least 10 characters): ", password);
    await pty.answer("The same password again: ", password);
    const { code, output } = await pty.ended;
    expect(code, output).toBe(0);
    expect(output).toContain(`signed up as ada@example.com at ${url}`);
    expect(output).not.toContain(password);
    const file = join(shell.home, ".config", "latchkey", "credentials.json");
    expect([statSync(file).mode & 0o777, statSync(dirname(file)).mode & 0o777]).toEqual([0o600, 0o700]);
    const whoami = await shell.pty("latchkey whoami").ended;
    expect(whoami.output).toContain("ada@example.com");
  });

  test("Ctrl-C at a question ends the command with code 130 and changes nothing", async ({ newSite }) => {
    const site = newSite();
    const shell = shellOf(site, "http://127.0.0.1:1");
    const pty = shell.pty("latchkey login");
    await pty.said("E-mail address: ");
    pty.type(ctrlC);
    expect((await pty.ended).code).toBe(130);
    expect(existsSync(join(shell.home, ".config"))).toBe(false);
  });

  test("a password that is pasted together with the answer before it is not shown", async ({ newSite }) => {
    const shell = shellOf(newSite(), "http://127.0.0.1:1");
    const pty = shell.pty("latchkey login");
    await pty.said("E-mail address: ");
    pty.type(`ada@example.com\r${password}\r`);
    const { code, output } = await pty.ended;
    expect(code, output).toBe(3);
    expect(output).not.toContain(password);
  });

  test("Ctrl-C during a bulk revocation says how many keys are done, and a repeat continues", async () => {
    const owner = await signUpAt(url);
    const count = 110;
    const labels = { env: "staging" };
    for (let n = 0; n < count; n += 10) {
      await Promise.all(
        Array.from({ length: 10 }, () => issueKey(owner, { metadata: { name: "k", labels } })),
      );
    }
    // The answer of the first batch waits until the command has seen Ctrl-C.
    const gate = await openGate(url, /RevokeApiKeys$/, 2);
    const shell = shellOf(site, gate.url);
    writeFileSync(join(shell.home, "token"), owner.token, { mode: 0o600 });
    const command = "latchkey key revoke --label env=staging --token-file token";
    const pty = shell.pty(command);
    await pty.answer(`Revoke ${count} keys permanently? [y/N]: `, "y");
    await gate.held;
    pty.type(ctrlC);
    await pty.said("stopping after the current batch");
    gate.release();
    const { code, output } = await pty.ended;
    expect(code, output).toBe(130);
    expect(output).toContain("latchkey: revoked 100 of 110 keys; run the command again to continue");
    const left = async () =>
      (await owner.apiKeys.revokeApiKeys({ filter: { labels: "env=staging" }, dryRun: true })).remainingCount;
    expect(await left()).toBe(10);
    const again = await shell.pty(`${command} --yes`).ended;
    expect(again.output).toContain("10 keys revoked");
    expect(await left()).toBe(0);
  });
});

describe("Ctrl-C while a token is on its way", () => {
  test("with --out, the token is written before the command ends", async () => {
    const { pty, home, tokenFile, gate } = await open(/CreateApiKey$/);
    const creation = pty(`latchkey key create --name Ada --token-file ${tokenFile} --out new-token`);
    const { code, output } = await interrupt(creation, gate);
    expect(code, output).toBe(130);
    expect(output).toContain("latchkey: interrupted; the token is in new-token");
    const token = readFileSync(join(home, "new-token"), "utf8").trim();
    expect(output).not.toContain(token);
    const { principal } = await clientsAt(url, token).profiles.whoAmI({});
    expect(principal?.keyName).toBe("Ada");
  });

  test("without --out, the token is shown before the command ends", async () => {
    const { pty, tokenFile, gate } = await open(/CreateApiKey$/);
    const creation = pty(`latchkey key create --name Ada --token-file ${tokenFile}`);
    const { code, output } = await interrupt(creation, gate);
    expect(code, output).toBe(130);
    expect(output).toContain("latchkey: interrupted; the token is in the output");
    const [token = ""] = /lk_live_\w{64}/.exec(output) ?? [];
    await clientsAt(url, token).profiles.whoAmI({});
  });

  test("a login keeps its session", async () => {
    const { pty, email, gate } = await open(/LogIn$/);
    const login = pty("latchkey login");
    await login.answer("E-mail address: ", email);
    await login.answer("Password: ", password);
    const { code, output } = await interrupt(login, gate);
    expect(code, output).toBe(130);
    expect(output).toContain("latchkey: interrupted; the session is kept");
    expect((await pty("latchkey whoami --quiet").ended).code).toBe(0);
  });

  test("a second Ctrl-C ends the command, which then leaves no empty file and says what may be lost", async () => {
    const { pty, home, tokenFile, gate } = await open(/CreateApiKey$/);
    const creation = pty(`latchkey key create --name Ada --token-file ${tokenFile} --out other-token`);
    await gate.held;
    let isOver = false;
    const end = creation.ended.finally(() => {
      isOver = true;
    });
    // Presses within half a second count as one, because npm may repeat a signal.
    for (; !isOver; await setTimeout(100)) creation.type(ctrlC);
    const { code, output } = await end;
    expect(code, output).toBe(130);
    expect(output).toContain("if the server has minted the token, it is lost");
    expect(readdirSync(home).filter((name) => name.startsWith("other-token"))).toEqual([]);
  });
});

test("the examples of the commands that open the database themselves work", async ({
  migrated: { site },
}) => {
  const commands = (await allCommands()).flatMap((group) => group.commands);
  for (const name of ["migrate", "external-ids", "bootstrap", "serve"]) {
    for (const { command: line } of commands.find(({ path }) => path[0] === name)?.examples ?? []) {
      const words = line.split(" ");
      const at = words.indexOf("latchkey");
      const env = Object.fromEntries(words.slice(0, at).map((word) => word.split("=")));
      if (name === "serve") {
        const server = site.start(words.slice(at + 1), env);
        await server.listening;
        expect((await server.stop()).code, line).toBe(0);
      } else {
        const { code, stderr } = await site.run(words.slice(at + 1), env);
        expect({ code, stderr }, line).toEqual({ code: 0, stderr: "" });
      }
    }
  }
});

/** The terminal of an owner, whose server holds back the answer to one call. */
async function open(call: RegExp) {
  const email = `ada${++people}@example.com`;
  const { token } = await signUpAt(url, email);
  const gate = await openGate(url, call);
  const shell = shellOf(site, gate.url);
  const tokenFile = `token${people}`;
  writeFileSync(join(shell.home, tokenFile), token, { mode: 0o600 });
  return { ...shell, email, tokenFile, gate };
}

/** Presses Ctrl-C while the server has answered and the command has no answer yet. */
async function interrupt(pty: Pty, gate: { held: Promise<void>; release(): void }) {
  await gate.held;
  pty.type(ctrlC);
  await pty.said(waits);
  gate.release();
  return await pty.ended;
}
