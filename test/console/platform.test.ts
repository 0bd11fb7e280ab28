import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { AccountState } from "../../gen/latchkey/v1/account_pb.ts";
import { accountIdOf } from "../support/actors/acting.ts";
import { issueKey, useApp } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";

const app = useApp();
const tabs = useConsole(app);
const platform = () => app.clientAs(app.platformToken);

async function openPlatform(token = app.platformToken): Promise<Page> {
  const page = await tabs.open("/platform");
  return enter(page, token);
}

async function enter(page: Page, token: string): Promise<Page> {
  await page.getByLabel("Platform key").fill(token);
  await page.keyboard.press("Enter");
  return page;
}

const rowOf = (page: Page, name: string) => page.getByRole("row").filter({ hasText: name });

async function choose(page: Page, account: string, action: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${account}` }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

async function stateOf(accountId: string) {
  const { items } = await platform().accounts.searchAccounts({ prefix: accountId });
  return items[0];
}

test("a platform key finds accounts, sets their entitlements, suspends and resumes them", async () => {
  const owner = await app.newAccount("Found by name");
  await owner.accounts.updateAccount({ metadata: { externalId: "customer-17" } });
  await app.newAccount("Somebody else");
  const page = await openPlatform();
  await page.getByLabel("Name or id").fill("found by");
  await rowOf(page, "Somebody else").waitFor({ state: "detached" });
  await page.getByLabel("Name or id").fill("");
  await page.getByLabel("External id").fill("customer-17");
  await rowOf(page, "Somebody else").waitFor({ state: "detached" });
  await choose(page, "Found by name", "Entitlements…");
  await page.getByRole("textbox", { name: "Entitlements" }).fill("realtime\nmax_api_keys=100");
  await page.getByRole("button", { name: "Save" }).click();
  await rowOf(page, "Found by name").getByText("max_api_keys=100").waitFor();
  const id = accountIdOf(owner);
  expect((await stateOf(id))?.info?.entitlements.toSorted()).toEqual(["max_api_keys=100", "realtime"]);
  await choose(page, "Found by name", "Suspend…");
  await page.getByRole("button", { name: "Suspend", exact: true }).click();
  await rowOf(page, "Found by name").getByText("Suspended").waitFor();
  expect((await stateOf(id))?.state).toBe(AccountState.SUSPENDED);
  await choose(page, "Found by name", "Resume…");
  await page.getByRole("button", { name: "Resume", exact: true }).click();
  await rowOf(page, "Found by name").getByText("Active").waitFor();
  expect((await stateOf(id))?.state).toBe(AccountState.ACTIVE);
});

test("an operator opens an account and invites its first owner", async () => {
  const page = await openPlatform();
  await page.getByRole("button", { name: "Open account" }).click();
  await page.getByLabel("Account name").fill("Opened here");
  await page.getByRole("dialog").getByRole("button", { name: "Open account" }).click();
  await choose(page, "Opened here", "Invite the first owner…");
  await page.getByLabel("E-mail address").fill("first@example.com");
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await page.getByText(/lk_inv_/).waitFor();
});

test("an operator opens an account over plain HTTP outside loopback", async () => {
  const page = await tabs.open("/log-in");
  // The name exists only in this browser. The server still answers.
  await page.route("http://latchkey.example/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    const headers = { ...route.request().headers(), origin: tabs.url };
    await route.fulfill({ response: await route.fetch({ url: `${tabs.url}${pathname}`, headers }) });
  });
  tabs.allow(/Cross-Origin-Opener-Policy/);
  await page.goto("http://latchkey.example/console/platform");
  await enter(page, app.platformToken);
  await page.getByRole("button", { name: "Open account" }).click();
  await page.getByLabel("Account name").fill("Opened without HTTPS");
  await page.getByRole("dialog").getByRole("button", { name: "Open account" }).click();
  await rowOf(page, "Opened without HTTPS").waitFor();
});

test("an operator acts for a customer, and the way back shows nothing of the customer", async () => {
  const owner = await app.newAccount("Acted for");
  await issueKey(owner, { metadata: { name: "Key of the customer" } });
  await issueKey(platform(), { metadata: { name: "Key of the platform" } });
  const page = await openPlatform();
  await page.getByRole("link", { name: "API keys" }).first().click();
  await page.getByText("Key of the platform").first().waitFor();
  await page.getByRole("link", { name: "Accounts", exact: true }).first().click();
  await choose(page, "Acted for", "Act for this account");
  await page.getByText("You act for Acted for.").waitFor();
  await page.getByText("Key of the customer").first().waitFor();
  expect(await page.getByText("Key of the platform").count()).toBe(0);
  expect(await page.getByRole("link", { name: "Accounts", exact: true }).count()).toBe(0);
  await page.getByRole("button", { name: "Create key" }).first().click();
  await page.getByLabel("Name", { exact: true }).fill("Made for the customer");
  await page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  await page.getByText("This is the only time").first().waitFor();
  const { items } = await owner.apiKeys.listApiKeys({ query: "Made for the customer", includeInfo: true });
  expect(items[0]?.info?.createdBy).toMatchObject({ via: "platform" });
});

test("a key that may only read sees no control that the server would refuse", async () => {
  await app.newAccount("Only read");
  const { token } = await issueKey(platform(), { spec: { permissions: ["accounts:read"] } });
  const page = await openPlatform(token);
  await rowOf(page, "Only read").waitFor();
  expect(await page.getByRole("button", { name: /^Actions for/ }).count()).toBe(0);
  expect(await page.getByRole("button", { name: "Open account" }).count()).toBe(0);
});

test("only a key of the platform account is accepted", async () => {
  const owner = await app.newAccount();
  const { token: ofCustomer } = await issueKey(owner, { spec: { permissions: ["*"] } });
  const page = await tabs.open("/platform");
  for (const token of [ofCustomer, owner.token]) {
    await page.reload();
    await enter(page, token);
    await page.getByText("This is no key of the platform account.").waitFor();
  }
});

test("the platform key is stored nowhere, and is gone when the page loads again", async () => {
  const page = await openPlatform();
  await page.getByRole("heading", { name: "Accounts" }).waitFor();
  const stored = await page.evaluate(
    "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.state])",
  );
  expect(stored).not.toContain(app.platformToken.slice(12, 40));
  expect(await page.context().cookies()).toEqual([]);
  await page.reload();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
});

test("a platform key that is revoked leads out of the platform's pages", async () => {
  const { id, token } = await issueKey(platform(), { spec: { permissions: ["accounts:read"] } });
  const page = await openPlatform(token);
  await page.getByRole("heading", { name: "Accounts" }).waitFor();
  await platform().apiKeys.revokeApiKey({ id });
  await page.getByLabel("Name or id").fill("anything");
  await page
    .getByText(/revoked/)
    .first()
    .waitFor();
});

test("a person does not get the pages of the platform", async () => {
  const page = await tabs.open("/platform/accounts", { as: await app.newAccount() });
  await page.getByRole("heading", { name: "Page not found" }).waitFor();
  expect(await page.getByRole("link", { name: "Accounts", exact: true }).count()).toBe(0);
});

test("script in the name of an account is text, and the page has no serious violation of accessibility", async () => {
  const name = `<img src=x onerror="document.title='owned'">`;
  await app.newAccount(name);
  const page = await openPlatform();
  await rowOf(page, name).waitFor();
  expect(await page.title()).not.toBe("owned");
  await expectAccessible(page);
});

test("a user who switches accounts sees nothing of the first account", async () => {
  const owner = await app.newAccount("First account");
  const { account } = await owner.accounts.createAccount({ metadata: { name: "Second account" } });
  const named = (id = "") => app.clientAs(owner.token, { "latchkey-account": id });
  await issueKey(named(accountIdOf(owner)), { metadata: { name: "Key of the first" } });
  await issueKey(named(account?.metadata?.id), { metadata: { name: "Key of the second" } });
  const page = await tabs.open("/keys", { as: owner });
  await page.getByRole("button", { name: "First account" }).click();
  await page.getByText("Key of the first").first().waitFor();
  await page.getByRole("button", { name: "First account" }).first().click();
  await page.getByRole("menuitemradio", { name: "Second account" }).click();
  await page.getByText("Key of the second").first().waitFor();
  expect(await page.getByText("Key of the first").count()).toBe(0);
});
