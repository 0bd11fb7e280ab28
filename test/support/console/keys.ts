import type { Locator, Page } from "playwright-core";
import type { TestConsole } from "./console.ts";

/** Opens the page of the keys as a user, and waits for the list or for its empty state. */
export async function openKeys(tabs: TestConsole, as: { token: string }, path = "/keys"): Promise<Page> {
  const page = await tabs.open(path, { as });
  await page.getByRole("heading", { level: 1, name: "API keys" }).waitFor();
  return page;
}

/** Returns the row of a key in the list. */
export function rowOf(page: Page, name: string): Locator {
  const named = page.getByRole("button", { name, exact: true });
  return page.getByRole("table", { name: "API keys" }).getByRole("row").filter({ has: named });
}

/** Chooses an action in the menu of a key. */
export async function choose(page: Page, key: string, action: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${key}`, exact: true }).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

/** Returns what the menu of a key offers. */
export async function offeredFor(page: Page, key: string): Promise<string[]> {
  await page.getByRole("button", { name: `Actions for ${key}`, exact: true }).click();
  const items = await page.getByRole("menuitem").allInnerTexts();
  await page.keyboard.press("Escape");
  return items;
}

/** Returns the names of the keys in the list, without the system key. */
export async function listedKeys(page: Page): Promise<string[]> {
  const names = await page.getByRole("table", { name: "API keys" }).locator("tbody .link").allInnerTexts();
  return names.filter((name) => name !== "system key").sort();
}

/** Returns the token that the dialog of a new token shows. */
export async function shownToken(page: Page): Promise<string> {
  return page.getByRole("region", { name: "token", exact: true }).locator("pre").innerText();
}

/** Closes the dialog of a new token, and says that the token is saved. */
export async function saveToken(page: Page): Promise<void> {
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Yes, the token is saved" }).click();
  await page.getByRole("dialog").waitFor({ state: "detached" });
}
