import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import type { Page } from "playwright-core";
import { expect, onTestFinished, test } from "vitest";
import { verdictOf } from "../support/actors/api-key.ts";
import { issueKey, password } from "../support/app.ts";
import { runLine } from "../support/cli/shell.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { openKeys } from "../support/console/keys.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

async function openUsage(page: Page): Promise<void> {
  await page.getByRole("tab", { name: "Usage" }).click();
  await page.getByLabel("Time range").selectOption("Last 24 hours");
}

/** Returns the numbers of each hour of the chart, without the names of the hours. */
async function hoursOf(page: Page, label: string): Promise<number[][]> {
  const rows = page.getByRole("table", { name: label }).locator("tbody tr");
  await rows.first().waitFor({ state: "attached" });
  const texts = (await rows.all()).map((row) => row.getByRole("cell").allTextContents());
  return (await Promise.all(texts)).map((cells) => cells.map(Number));
}

test("the chart of a key has its verifications by hour: accepted, limited and refused ones", async () => {
  const owner = await app.newAccount();
  const rateLimits = [{ name: "calls", limit: 3, period: { seconds: 86_400n } }];
  const key = await issueKey(owner, { metadata: { name: "Busy" }, spec: { rateLimits } });
  const other = await issueKey(owner, { metadata: { name: "Other" } });
  for (let n = 0; n < 2; n += 1) expect(await verdictOf(app, key.token)).toBe("VALID");
  await app.app.flush();
  await sql`update key_usage set hour = hour - interval '3 hours' where api_key_id = ${key.id}`.execute(
    app.db,
  );
  expect(await verdictOf(app, key.token)).toBe("VALID");
  for (let n = 0; n < 4; n += 1) expect(await verdictOf(app, key.token)).toBe("RATE_LIMITED");
  expect(await verdictOf(app, other.token)).toBe("VALID");
  await owner.apiKeys.disableApiKey({ id: key.id });
  for (let n = 0; n < 5; n += 1) expect(await verdictOf(app, key.token)).toBe("DISABLED");
  await app.app.flush();
  const page = await openKeys(tabs, owner, `/keys?key=${key.id}`);
  await openUsage(page);
  const hours = await hoursOf(page, "12 verifications");
  expect(hours).toHaveLength(24);
  expect(hours.filter((hour) => hour.some((count) => count > 0))).toEqual([
    [2, 0, 0],
    [1, 4, 5],
  ]);
  // The hour may turn meanwhile.
  expect([19, 20]).toContain(hours.findIndex(([accepted]) => accepted === 2));
  for (const legend of ["Accepted 3", "Limited 4", "Refused 5"])
    await page.getByText(legend, { exact: true }).waitFor();
  await expectAccessible(page);
});

test("a key without verifications shows commands to paste, which make its first one", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "New" } });
  const page = await openKeys(tabs, owner, `/keys?key=${key.id}`);
  await openUsage(page);
  await page.getByRole("heading", { name: "No verification in this time" }).waitFor();
  expect(await page.getByRole("figure").count()).toBe(0);
  await expectAccessible(page);
  const text = await page.getByRole("region", { name: "commands" }).locator("pre").innerText();
  const [login = "", command = ""] = text.replaceAll("npx ", "").split("\n");
  const directory = mkdtempSync(join(tmpdir(), "latchkey-usage-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  const shell = { env: { HOME: directory, XDG_CONFIG_HOME: directory }, directory };
  // The name of the file that the download of the token makes.
  writeFileSync(join(directory, `${key.id}.token`), `${key.token}\n`);
  expect((await runLine(login, { ...shell, answers: [owner.email, password] })).code).toBe(0);
  const verified = await runLine(command, shell);
  expect(verified.code, verified.stderr).toBe(0);
  await app.app.flush();
  await page.reload();
  await openUsage(page);
  expect((await hoursOf(page, "1 verification")).at(-1)).toEqual([1, 0, 0]);
});
