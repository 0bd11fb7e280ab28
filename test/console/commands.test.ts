import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { newMember } from "../support/actors/actors.ts";
import { password } from "../support/app.ts";
import { runLine } from "../support/cli/shell.ts";
import { useConsole } from "../support/console/console.ts";
import { follow } from "../support/console/follow.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

test("an empty list shows commands to paste, which make its first row", async () => {
  const owner = await app.newAccount();
  const directory = mkdtempSync(join(tmpdir(), "latchkey-commands-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const env = { HOME: directory, XDG_CONFIG_HOME: directory };
  const page = await tabs.open("/keys", { as: owner });
  const rows: [path: string, row: RegExp][] = [
    ["/keys", /My first key/],
    ["/workspaces", /Production/],
    ["/teams", /Backend/],
    ["/service-accounts", /deploy/],
    ["/invites", /grace@example.com/],
    ["/teams/TEAM", /@/],
    ["/usage", /^First 1 0$/],
  ];
  for (const [path, row] of rows) {
    const [team] = (await owner.teams.listTeams({})).items;
    await follow(page, path.replace("TEAM", team?.metadata?.id ?? ""));
    const text = await page.getByRole("region", { name: "commands" }).locator("pre").innerText();
    const [login = "", ...commands] = text.replaceAll("npx ", "").split("\n");
    const shell = { env, directory };
    const loggedIn = await runLine(login, { ...shell, answers: [owner.email, password] });
    expect(loggedIn.code, loggedIn.stderr).toBe(0);
    expect(commands.length).toBeGreaterThan(0);
    for (const command of commands) {
      const made = await runLine(command, shell);
      expect(made.code, made.stderr).toBe(0);
    }
    await app.app.flush();
    await page.reload();
    await page.getByRole("row", { name: row }).waitFor();
    expect(await page.getByRole("region", { name: "commands" }).count()).toBe(0);
  }
});

test("a user of two accounts gets the account in the command, and a viewer gets no command", async () => {
  const owner = await app.newAccount();
  const { account } = await owner.accounts.createAccount({ metadata: { name: "Second" } });
  const page = await tabs.open("/keys", { as: owner });
  await page.getByRole("button", { name: "Second" }).click();
  const text = await page.getByRole("region", { name: "commands" }).locator("pre").innerText();
  expect(text).toMatch(new RegExp(` --account ${account?.metadata?.id}$`));
  const viewer = await newMember(app, await app.newAccount(), "viewer");
  const other = await tabs.open("/workspaces", { as: viewer });
  await other.getByText(/no workspace/i).waitFor();
  expect(await other.getByRole("region", { name: "commands" }).count()).toBe(0);
});
