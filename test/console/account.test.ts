import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { newAcme } from "../support/console/acme.ts";
import { useConsole } from "../support/console/console.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);
const platform = () => app.clientAs(app.platformToken);

test("an owner edits the account, and another tab shows it", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/account", { as: owner });
  const other = await tabs.open("/account", { context: page.context() });
  await other.getByRole("heading", { level: 1, name: "Acme" }).waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Acme Robotics");
  await page.getByLabel("Description (optional)").fill("Robots for bakeries");
  await page.getByRole("button", { name: "Save" }).click();
  for (const tab of [page, other]) {
    await tab.getByRole("heading", { level: 1, name: "Acme Robotics" }).waitFor();
    await tab.getByText("Robots for bakeries").first().waitFor();
  }
});

test("the account shows what its plan includes, its limits and its credits", async () => {
  const { owner } = await newAcme(app);
  const { account } = await owner.accounts.getAccount({});
  const accountId = account?.metadata?.id ?? "";
  await platform().accounts.setEntitlements({ accountId, entitlements: ["realtime", "max_api_keys=100"] });
  await platform().accounts.setRateLimits({
    accountId,
    rateLimits: [{ name: "calls", limit: 5_000, period: { seconds: 3_600n } }],
  });
  await platform().accounts.setCredits({
    accountId,
    credits: { remaining: 1_200, refillAmount: 2_000, refill: 1 },
  });
  const page = await tabs.open("/account", { as: owner });
  await page.getByText("max_api_keys=100").waitFor();
  await page.getByText("calls: 5,000 per hour").waitFor();
  await page.getByText(/1,200 left, at least 2,000 again/).waitFor();
});

test("an owner makes a token of the system key, and disables and enables the key", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/account", { as: owner });
  await page.getByRole("button", { name: "New token" }).click();
  await page.getByLabel("Earlier tokens end").selectOption({ label: "at once" });
  await page.getByRole("button", { name: "Make the token" }).click();
  const token = await page.getByRole("region", { name: "token" }).locator("pre").textContent();
  expect((await app.clientAs(token ?? "").profiles.whoAmI({})).principal?.permissions).toEqual(["*"]);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Yes, the token is saved" }).click();
  await page.getByRole("button", { name: "Disable" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Disable" }).click();
  await page.getByRole("button", { name: "Enable" }).click();
  await expect(app.clientAs(token ?? "").profiles.whoAmI({})).rejects.toThrow(/disabled/);
  await page.getByRole("alertdialog").getByRole("button", { name: "Enable" }).click();
  await page.getByRole("button", { name: "Disable" }).waitFor();
  await app.clientAs(token ?? "").profiles.whoAmI({});
});

test("a token of the system key appears even if the account cannot be loaded again", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/account", { as: owner });
  await page.getByRole("button", { name: "New token" }).click();
  // The requests stay without an answer.
  await page.route("**/latchkey.v1.AccountService/GetAccount*", () => undefined);
  await page.getByRole("button", { name: "Make the token" }).click();
  await page.getByText(/lk_[a-z]+_[0-9A-Za-z]{30}/).waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
});

test("an owner deletes the account only after typing its name", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/account", { as: owner });
  await page.getByRole("button", { name: "Delete the account" }).click();
  const button = page.getByRole("button", { name: "Delete account" });
  await page.getByLabel("Type “Acme” to confirm").fill("acme");
  expect(await button.isDisabled()).toBe(true);
  await page.getByLabel("Type “Acme” to confirm").fill("Acme");
  await button.click();
  await expect
    .poll(async () =>
      (await owner.accounts.listAccounts({})).items.map(({ info }) => info?.deleteAt !== undefined),
    )
    .toEqual([true]);
  await page.getByRole("heading", { level: 1, name: "Acme" }).waitFor({ state: "detached" });
});

test("usage shows totals, a chart, the keys with the most verifications and an export", async () => {
  const { owner, keyToken } = await newAcme(app);
  for (const requiredPermissions of [[], [], ["other:read"]]) {
    await platform().tokens.verifyToken({ token: keyToken, requiredPermissions });
  }
  const { apiKey } = await owner.apiKeys.createApiKey({
    metadata: { name: "Verifier" },
    spec: { permissions: ["tokens:verify"] },
  });
  const verifier = app.clientAs(apiKey?.spec?.token ?? "");
  await verifier.tokens.verifyToken({ token: "garbage", clientAddress: "203.0.113.7" });
  await app.app.flush();
  const page = await tabs.open("/usage", { as: owner });
  const chart = page.getByRole("table", { name: "Verifications per day, in UTC" });
  await chart.getByRole("row").last().waitFor({ state: "attached" });
  expect(await chart.getByRole("columnheader").allTextContents()).toEqual(["Time", "Accepted", "Refused"]);
  expect(await chart.getByRole("row").count()).toBe(31);
  expect(await chart.getByRole("row").last().getByRole("cell").allTextContents()).toEqual(["2", "1"]);
  await page.getByText("1 (33.3 %)").waitFor();
  await page.getByRole("row", { name: "Checkout 2 1" }).waitFor();
  await page.getByRole("row", { name: "203.0.113.0/24 1" }).waitFor();
  await page.getByLabel("Show by").selectOption({ label: "Verdict" });
  await page.getByText("Permission denied 1", { exact: true }).waitFor();
  await page.getByLabel("Time").selectOption({ label: "Last 24 hours" });
  await page.getByRole("table", { name: "Verifications per hour, in UTC" }).waitFor({ state: "attached" });
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export CSV" }).click();
  const csv = readFileSync(await (await downloading).path(), "utf8");
  expect(csv).toMatch(/^hour,environment,verdict,verifications\r\n/);
  expect(csv).toMatch(/,live,Accepted,2\r\n/);
  expect(csv).toMatch(/,live,Permission denied,1\r\n/);
});

test("an account without verifications says so", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/usage", { as: owner });
  await page.getByText("No verifications in this time").waitFor();
  await page.getByText("No key was verified in this time.").waitFor();
});
