import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { password } from "../support/app.ts";
import type { Pty } from "../support/cli/pty.ts";
import { openGate, shellOf } from "../support/cli/site-shell.ts";
import { createSite } from "../support/server/serve.ts";

const waits = "press Ctrl-C again to stop now";
const ctrlC = "\u0003";

const site = createSite();
let url: string;
let people = 0;
beforeAll(async () => {
  ({ url } = await site.serve());
});
afterAll(() => site.clear());

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
