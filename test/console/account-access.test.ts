import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { newMember } from "../support/actors/actors.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { accountPagesOf, newAcme } from "../support/console/acme.ts";
import { useConsole } from "../support/console/console.ts";
import { follow } from "../support/console/follow.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

/** Waits until everything on the page is loaded. */
const loaded = (page: Page) => expect.poll(() => page.getByLabel("Loading").count()).toBe(0);

/** Returns the names of the buttons of a page, and of the entries of its menus. */
async function controlsOf(page: Page): Promise<string[]> {
  const main = page.getByRole("main");
  await loaded(page);
  const buttons = main.locator("button:not([role=menuitem])");
  const names = await buttons.evaluateAll((all) =>
    all.map((one) => one.getAttribute("aria-label") ?? one.textContent ?? ""),
  );
  const items = await main.locator("[role=menuitem]").allTextContents();
  return [...new Set([...names, ...items])].sort();
}

// Controls that only show, copy or save what the page has.
const reading = /^(Export( CSV)?|CSV.*|JSON|Details: .*|All (about|by|with) .*|Copy id .*)$/;

test("a viewer is offered no control that the server would refuse", async () => {
  const acme = await newAcme(app);
  const page = await tabs.open("/workspaces", { as: acme.viewer });
  const offered: Record<string, string[]> = {};
  for (const [path, heading] of Object.entries(accountPagesOf(acme))) {
    await follow(page, path);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    for (const button of await page.getByRole("button", { name: /^Details: / }).all()) await button.click();
    offered[heading] = (await controlsOf(page)).filter((name) => !reading.test(name));
  }
  const history = (...names: string[]) => [...names.map((name) => `Actions for ${name}`), "History"].sort();
  expect(offered).toEqual({
    Workspaces: history("Production", "Staging"),
    Production: history("Production"),
    People: ["Actions for Ann", "Actions for Member", "Leave the account", "What they did"],
    Invites: [],
    Teams: history("Platform"),
    Platform: history("Platform"),
    "Service accounts": history("Nightly build"),
    Roles: history("Support", "admin", "developer", "owner", "viewer"),
    "Audit log": ["Who"],
    Usage: [],
    Acme: ["Leave the account"],
  });
});

test("a member sees only the pages that their permissions allow", async () => {
  const { owner } = await newAcme(app);
  await owner.roles.createRole({ metadata: { name: "teams only" }, spec: { permissions: ["teams:read"] } });
  const member = await newMember(app, owner, "teams only");
  const page = await tabs.open("/teams", { as: member });
  await page.getByRole("heading", { level: 1, name: "Teams" }).waitFor();
  const menu = page.getByRole("navigation", { name: "Pages of the console" });
  const offered = await menu.first().getByRole("link").allTextContents();
  for (const hidden of ["People", "Invites", "Roles", "Service accounts", "Audit log", "Usage", "Account"]) {
    expect(offered).not.toContain(hidden);
  }
  expect(offered).toEqual(expect.arrayContaining(["Teams", "Workspaces"]));
});

test("a permission that ends while the page is open takes its controls away", async () => {
  const { owner } = await newAcme(app);
  const admin = await newMember(app, owner, "admin");
  const page = await tabs.open("/teams", { as: admin });
  await page.getByRole("button", { name: "New team" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Too late");
  await owner.profiles.setProfileRole({ id: admin.profileId, role: "viewer" });
  await page.getByRole("button", { name: "Create team" }).click();
  await page.getByRole("alert").filter({ hasText: "teams:write" }).waitFor();
  await page.getByRole("button", { name: "New team" }).waitFor({ state: "detached" });
});

/** Presses Tab until the control with this name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let n = 0; n < 80; n++) {
    await page.keyboard.press("Tab");
    const focused = page.locator(":focus");
    const label = await focused.evaluate((one) => {
      const labels = "labels" in one ? [...one.labels] : [];
      return one.getAttribute("aria-label") ?? labels[0]?.textContent ?? one.textContent ?? "";
    });
    if (label.trim() === name) return;
  }
  throw new Error(`no control named ${name} is reached with the Tab key`);
}

test("the keyboard alone makes a team, adds a person and deletes the team", async () => {
  const { owner, robotId } = await newAcme(app);
  await owner.serviceAccounts.deleteServiceAccount({ id: robotId });
  const page = await tabs.open("/teams", { as: owner });
  await page.getByRole("row", { name: /Platform/ }).waitFor();
  await tabTo(page, "New team");
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").waitFor();
  await page.keyboard.type("Operations");
  await tabTo(page, "viewer");
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  await page.getByRole("row", { name: /Operations.*viewer/ }).waitFor();
  await tabTo(page, "Operations");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Operations" }).waitFor();
  await tabTo(page, "Add a person");
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "Ann" }).waitFor();
  await tabTo(page, "Member");
  await page.keyboard.press("Space");
  await page.keyboard.press("Enter");
  await page.getByText("Member is in “Operations”.").waitFor();
  await page.getByRole("row", { name: /Member/ }).waitFor();
  const menu = page.getByRole("button", { name: "Actions for Operations" });
  await menu.focus();
  await page.keyboard.press("Enter");
  // The menu gives the focus to its first entry after it has opened.
  await page.locator("[role=menuitem]:focus").waitFor();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.getByRole("alertdialog").waitFor();
  await page.keyboard.press("Escape");
  expect(await menu.evaluate((one) => one.matches(":focus"))).toBe(true);
  await page.keyboard.press("Enter");
  await page.locator("[role=menuitem]:focus").waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await tabTo(page, "Delete team");
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { level: 1, name: "Teams" }).waitFor();
  expect((await owner.teams.listTeams({ query: "Operations" })).items).toEqual([]);
});

test("on the pages of an account and in their dialogs, script in names is text, and nothing seriously violates accessibility", async () => {
  const attack = (name: string) =>
    `${name}<img src=x onerror="window.taken=1"><script>window.taken=1</script>`;
  const acme = await newAcme(app, attack);
  const page = await tabs.open("/workspaces", { as: acme.owner });
  for (const [path, heading] of Object.entries(accountPagesOf(acme))) {
    await follow(page, path);
    await page.getByRole("heading", { level: 1, name: heading }).waitFor();
    await loaded(page);
    expect(await page.getByText("<script>window.taken=1</script>").count(), path).toBeGreaterThan(0);
    await expectAccessible(page);
    const opens = page
      .getByRole("main")
      .getByRole("button", { name: /^(New |Invite|Add |Edit$|Who$)/ })
      .first();
    if ((await opens.count()) > 0) {
      await opens.click();
      await page.getByRole("dialog").waitFor();
      await loaded(page);
      await expectAccessible(page);
      await page.keyboard.press("Escape");
    }
    expect(await page.locator("img, body script").count(), path).toBe(0);
  }
  expect(await page.evaluate("window.taken")).toBeUndefined();
});
