import { expect, test } from "vitest";
import { password, useApp } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";

const app = useApp();
const tabs = useConsole(app);

test("a newcomer signs up and is in the console", async () => {
  const page = await tabs.open("/sign-up");
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Account name").fill("Acme");
  await page.getByLabel("E-mail address").fill("ada@example.com");
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Acme" }).waitFor();
  expect(await page.getByText("ada@example.com").first().isVisible()).toBe(true);
});

test("the pages of entry have no serious violation of accessibility", async () => {
  for (const path of ["/log-in", "/sign-up", "/accept-invite", "/reset-password"]) {
    const page = await tabs.open(path);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await expectAccessible(page);
  }
});

test("a signed-in user sees the start page", async () => {
  const owner = await app.newAccount("Acme");
  const page = await tabs.open("/", { as: owner });
  await page.getByRole("heading", { level: 1 }).waitFor();
  await expectAccessible(page);
});
