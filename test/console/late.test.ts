import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { issueKey, type Owner, password } from "../support/app.ts";
import { useConsole } from "../support/console/console.ts";
import { openKeys, rowOf } from "../support/console/keys.ts";
import { sampled } from "../support/random.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

/** Ends all sessions of a user, as if from another device. */
async function endSessions(owner: Owner): Promise<void> {
  const { token } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
  await app.clientAs(token).sessions.revokeSession({ allOthers: true });
}

const asked = (page: Page) => page.getByRole("alertdialog", { name: "Your session has ended" });

async function logInAbove(page: Page, { email }: Owner): Promise<void> {
  await asked(page).getByLabel("E-mail address").fill(email);
  await asked(page).getByLabel("Password").fill(password);
  await asked(page).getByRole("button", { name: "Log in" }).click();
}

test("a late refusal of the old session neither removes the newer one nor asks for another log-in", async () => {
  const owner = await app.newAccount();
  await issueKey(owner, { metadata: { name: "Billing" } });
  const one = await openKeys(tabs, owner);
  const two = await tabs.open("/teams", { context: one.context() });
  await two.getByLabel("Search teams").waitFor();
  await endSessions(owner);
  const [keys, teams] = [tabs.holdNext("ApiKeyService/ListApiKeys"), tabs.holdNext("TeamService/ListTeams")];
  await one.getByLabel("Kind").selectOption("Developer");
  await two.getByLabel("Search teams").fill("first");
  await Promise.all([keys.made, teams.made]);
  await two.getByLabel("Search teams").fill("second");
  await logInAbove(two, owner);
  await asked(two).waitFor({ state: "detached" });
  await two.getByText("No team has this name").waitFor();
  // The page waits for nothing now. One refusal comes to the tab of the log-in, and one to the other tab.
  const again = one.waitForResponse((answer) => /ListApiKeys$/.test(answer.url()) && answer.ok());
  for (const held of [teams, keys]) held.release();
  await again;
  await one.getByRole("heading", { name: "No key matches" }).waitFor();
  for (const page of [one, two]) {
    expect(await asked(page).count()).toBe(0);
    await page.reload();
    await page.getByRole("navigation", { name: "Pages of the console" }).waitFor();
  }
});

test("while a new password of one tab is on its way, another tab waits for it, and asks for no log-in", async () => {
  const owner = await app.newAccount();
  await issueKey(owner, { metadata: { name: "Billing" } });
  const one = await openKeys(tabs, owner);
  const two = await tabs.open("/password", { context: one.context() });
  await rowOf(one, "Billing").waitFor();
  await two.getByLabel("Current password").fill(password);
  await two.getByLabel("New password").fill(`${password} two`);
  const held = tabs.holdNext("SessionService/ChangePassword");
  await two.getByRole("button", { name: "Change password" }).click();
  await held.made;
  const refused = one.waitForResponse((response) => response.status() === 401);
  await one.getByLabel("Kind").selectOption("Developer");
  await refused;
  // A log-in form would appear now, because the tab has nothing else to wait for.
  await one.evaluate("new Promise((resolve) => setTimeout(resolve, 300))");
  expect(await asked(one).count()).toBe(0);
  held.release();
  await one.getByRole("heading", { name: "No key matches" }).waitFor();
  await two.getByText("The password is changed.").waitFor();
  expect(await asked(one).count()).toBe(0);
});

test("a late log-out of one tab does not remove the session of a log-in in another tab", async () => {
  const owner = await app.newAccount();
  const one = await openKeys(tabs, owner);
  const two = await tabs.open("/log-in", { context: one.context() });
  const held = tabs.holdNext("SessionService/LogOut");
  await one.getByRole("button", { name: owner.email }).click();
  await one.getByRole("menuitem", { name: "Log out" }).click();
  await held.made;
  await two.getByLabel("E-mail address").fill(owner.email);
  await two.getByLabel("Password").fill(password);
  await two.getByRole("button", { name: "Log in" }).click();
  // Time in which the log-in would be answered, if it did not wait for its turn.
  await two.evaluate("new Promise((resolve) => setTimeout(resolve, 500))");
  held.release();
  await two.getByRole("navigation", { name: "Pages of the console" }).waitFor();
  await two.reload();
  await two.getByRole("navigation", { name: "Pages of the console" }).waitFor();
});

const late = [
  ["after the tab shows another user", true],
  ["after another user has logged in in another tab", false],
] as const;

test.each(sampled(late, 1))("a call that is refused %s is not made for that user", async (_when, shown) => {
  const [first, second] = [await app.newAccount("First"), await app.newAccount("Second")];
  const one = await tabs.open("/workspaces", { as: first });
  await one.getByRole("button", { name: "New workspace" }).click();
  await one.getByLabel("Name", { exact: true }).fill("Of the first user");
  await endSessions(first);
  const held = tabs.holdNext("WorkspaceAdminService/CreateWorkspace");
  await one.getByRole("button", { name: "Create workspace" }).click();
  await held.made;
  const two = await tabs.open("/sessions", { context: one.context() });
  await two.getByLabel("E-mail address").fill(second.email);
  await two.getByLabel("Password").fill(password);
  await two.getByRole("button", { name: "Log in" }).click();
  await two.getByRole("button", { name: "Second" }).waitFor();
  if (shown) await one.getByRole("button", { name: "Second" }).waitFor();
  const loaded = one.waitForEvent("load");
  held.release();
  await loaded;
  await one.getByRole("button", { name: "Second" }).waitFor();
  const { token } = await app.clientAs("").sessions.logIn({ email: first.email, password });
  for (const { workspaceAdmin } of [app.clientAs(token), second]) {
    const { items } = await workspaceAdmin.listAccountWorkspaces({ query: "Of the first user" });
    expect(items).toEqual([]);
  }
});
