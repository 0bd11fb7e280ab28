import { existsSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect } from "vitest";
import { allCommands } from "../../src/cli/table.ts";
import { signUpAt } from "../support/actors/remote.ts";
import { issueKey, password } from "../support/app.ts";
import { openGate, shellOf } from "../support/cli/site-shell.ts";
import { createSite, type Served } from "../support/server/serve.ts";
import { test } from "../support/server/site-test.ts";

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("at a real terminal", () => {
  const site = createSite();
  let server: Served;
  beforeAll(async () => {
    server = await site.serve();
  });
  afterAll(() => site.clear());

  test("sign-up asks, hides the password, and keeps the session where only its owner can read it", async () => {
    const shell = shellOf(site, server.url);
    const pty = shell.pty("latchkey sign-up");
    await pty.answer("E-mail address: ", "ada@example.com");
    await pty.answer("Your name: ", "Ada");
    await pty.answer("Name of the account: ", "Acme");
    await pty.answer("Password (at least 10 characters): ", password);
    await pty.answer("The same password again: ", password);
    const { code, output } = await pty.ended;
    expect(code, output).toBe(0);
    expect(output).toContain(`signed up as ada@example.com at ${server.url}`);
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
    pty.type("\u0003");
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
    const { url } = server;
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
    pty.type("\u0003");
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
