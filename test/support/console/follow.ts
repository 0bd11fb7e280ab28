import type { Page } from "playwright-core";

/** Shows another page of the console in a tab, as its links do: the document stays. `path` is below `/console`. */
export async function follow(page: Page, path: string): Promise<void> {
  await page.evaluate(`history.pushState(null, "", ${JSON.stringify(`/console${path}`)})`);
}
