import { expect, test } from "vitest";
import { ApiKeyState } from "../../gen/latchkey/v1/api_key_pb.ts";
import { verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { choose, openKeys, rowOf, saveToken, shownToken } from "../support/console/keys.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

// Verifies a token as a service of the platform does, which names the address of its client.
async function use(token: string, clientAddress = "203.0.113.7"): Promise<void> {
  await app.clientAs(app.platformToken).tokens.verifyToken({ token, clientAddress });
  // Otherwise the server writes the time of last use a few seconds later.
  await app.app.flush();
}

async function stateOf(owner: Owner, id: string): Promise<ApiKeyState | undefined> {
  return (await owner.apiKeys.getApiKey({ id })).apiKey?.state;
}

test("a rotation keeps the old token for the grace period, and says which of the two is still used", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "Billing" } });
  const page = await openKeys(tabs, owner);
  await choose(page, "Billing", "Rotate…");
  const grace = page.getByLabel("The earlier tokens work for");
  expect(await grace.locator("option:checked").innerText()).toBe("24 hours");
  await page.getByRole("button", { name: "Rotate key" }).click();
  const token = await shownToken(page);
  expect(token).not.toBe(key.token);
  expect([await verdictOf(app, token), await verdictOf(app, key.token)]).toEqual(["VALID", "VALID"]);
  await saveToken(page);
  await use(key.token, "203.0.113.7");
  await page.getByRole("button", { name: "Billing", exact: true }).click();
  const told = page.getByRole("alert").filter({ hasText: "The old token is still used." });
  await told.filter({ hasText: "203.0.113.7" }).waitFor();
  expect(await told.innerText()).toContain(`…${key.token.slice(-4)}`);
  const tokens = page.getByRole("table", { name: "Live tokens" });
  expect(await tokens.getByRole("row").count()).toBe(3);
  await expectAccessible(page);
});

test("a rotation without a grace period warns, and ends the old token at once", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "Leaky" } });
  const page = await openKeys(tabs, owner);
  await choose(page, "Leaky", "Rotate…");
  await page.getByLabel("The earlier tokens work for").selectOption("No time: they end now");
  await page.getByRole("alert").filter({ hasText: "rejected" }).waitFor();
  await page.getByRole("button", { name: "Rotate key" }).click();
  const token = await shownToken(page);
  expect([await verdictOf(app, token), await verdictOf(app, key.token)]).toEqual(["VALID", "REVOKED"]);
  await saveToken(page);
});

test("a revocation shows what still uses the key, and says since when the key is dead everywhere", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "In use" } });
  await use(key.token);
  const page = await openKeys(tabs, owner);
  await choose(page, "In use", "Revoke…");
  const dialog = page.getByRole("alertdialog");
  await dialog.getByText("This key is in use.").waitFor();
  await dialog.getByText("203.0.113.7").waitFor();
  await dialog.getByText("1 verification").waitFor();
  const button = dialog.getByRole("button", { name: "Revoke key" });
  expect(await button.isDisabled()).toBe(true);
  await dialog.getByLabel("I know that programs with this key stop working").check();
  await expectAccessible(page);
  await button.click();
  await page.getByText("The key is dead everywhere.").waitFor();
  const since = await page.getByRole("dialog").locator("time").getAttribute("datetime");
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.state).toBe(ApiKeyState.REVOKED);
  expect(Math.abs(Date.parse(since ?? "") - Date.now())).toBeLessThan(60_000);
  expect(await verdictOf(app, key.token)).toBe("REVOKED");
  await page.getByRole("button", { name: "Done" }).click();
  await rowOf(page, "In use").waitFor({ state: "detached" });
});

test("keys that a revoked key had minted are counted, and can be revoked with it", async () => {
  const owner = await app.newAccount();
  const maker = await issueKey(owner, { metadata: { name: "Maker" }, spec: { permissions: ["*"] } });
  for (const name of ["first", "second"]) await issueKey(app.clientAs(maker.token), { metadata: { name } });
  await app.app.flush();
  const page = await openKeys(tabs, owner);
  await choose(page, "Maker", "Revoke…");
  await page.getByLabel("I know that programs with this key stop working").check();
  await page.getByRole("button", { name: "Revoke key" }).click();
  await page.getByRole("alert").filter({ hasText: "It had minted 2 keys." }).waitFor();
  await page.getByRole("button", { name: "Revoke 2 minted keys…" }).click();
  await page.getByText("2 live keys match.").waitFor();
  await page.getByLabel("I know that programs with these keys stop working").check();
  await page.getByRole("button", { name: "Revoke 2 keys" }).click();
  await page.getByText("All of them are dead everywhere.").waitFor();
  const { items } = await owner.apiKeys.listApiKeys({});
  expect(items.filter((key) => !key.spec?.system)).toEqual([]);
});

test("many keys are revoked by their labels, after their number is known", async () => {
  const owner = await app.newAccount();
  for (let i = 0; i < 3; i++)
    await issueKey(owner, { metadata: { name: `s ${i}`, labels: { env: "staging" } } });
  await issueKey(owner, { metadata: { name: "kept", labels: { env: "prod" } } });
  const page = await openKeys(tabs, owner);
  await page.getByRole("button", { name: "More actions" }).click();
  await page.getByRole("menuitem", { name: "Revoke many keys…" }).click();
  await page.getByLabel("Keys with these labels").fill("env=staging");
  await page.getByText("3 live keys match.").waitFor();
  expect(await page.getByRole("button", { name: "Revoke 3 keys" }).isDisabled()).toBe(true);
  await page.getByLabel("I know that programs with these keys stop working").check();
  await page.getByRole("button", { name: "Revoke 3 keys" }).click();
  await page.getByText("3 keys revoked, 0 left.").waitFor();
  const { items } = await owner.apiKeys.listApiKeys({ labels: "env=prod" });
  expect(items.map((key) => key.metadata?.name)).toEqual(["kept"]);
});

test("a key is disabled and enabled, and each is effective when the page says so", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "Paused" } });
  const page = await openKeys(tabs, owner);
  await choose(page, "Paused", "Disable…");
  await page.getByText("This key was never used.").waitFor();
  await page.getByRole("button", { name: "Disable key" }).click();
  await page.getByText("“Paused” is disabled on every instance.").waitFor();
  expect(await verdictOf(app, key.token)).toBe("DISABLED");
  await rowOf(page, "Paused").getByText("Disabled").waitFor();
  await choose(page, "Paused", "Enable…");
  await page.getByRole("button", { name: "Enable key" }).click();
  await page.getByText("“Paused” is enabled.").waitFor();
  expect(await stateOf(owner, key.id)).toBe(ApiKeyState.ACTIVE);
  expect(await verdictOf(app, key.token)).toBe("VALID");
});

test("the reason of a refusal is shown rule by rule, without a use of the key", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, {
    metadata: { name: "Refused" },
    spec: { permissions: ["agents:read"] },
  });
  const other = await issueKey(owner, { metadata: { name: "Other" } });
  await newWorkspace(owner, "Production");
  const page = await openKeys(tabs, owner, `/keys?key=${key.id}`);
  await page.getByRole("tab", { name: "Why refused?" }).click();
  await page.getByLabel("Token", { exact: true }).fill(other.token);
  await page.getByText("This token belongs to another key than “Refused”.").waitFor();
  await page.getByLabel("Token", { exact: true }).fill(key.token);
  await page.getByLabel("Required permissions").fill("agents:write");
  await page.getByLabel("Required workspace").selectOption("Production");
  await page.getByRole("button", { name: "Check the token" }).click();
  const result = page.getByRole("region", { name: "Result" });
  await result.getByText("The token is refused.").waitFor();
  const rules = await result.getByRole("list", { name: "Rules" }).getByRole("listitem").allInnerTexts();
  expect(rules.filter((rule) => rule.includes("Failed:"))).toHaveLength(2);
  expect(rules.join()).toContain("agents:write");
  await expectAccessible(page);
  await page.getByLabel("Required permissions").fill("agents:read");
  await page.getByLabel("Required workspace").selectOption("Any");
  await page.getByRole("button", { name: "Check the token" }).click();
  await result.getByText("The token is accepted.").waitFor();
  await result.getByText("Where its permissions come from").click();
  await result.getByText("the list of the key “Refused”").waitFor();
  expect(page.url()).not.toContain(key.token.slice(-20));
  expect((await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.info?.lastUsedAt).toBeUndefined();
});

test("an edit changes only what the user changed, and refuses to undo a change of another user", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, {
    metadata: { name: "Old name", labels: { env: "prod" } },
    spec: { permissions: ["agents:read", "runs:start"] },
  });
  const page = await openKeys(tabs, owner);
  await choose(page, "Old name", "Edit…");
  await page.getByLabel("Name", { exact: true }).fill("New name");
  await page.getByRole("button", { name: "Remove runs:start" }).click();
  await page.getByRole("button", { name: "Save" }).click();
  await rowOf(page, "New name").waitFor();
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey?.spec?.permissions).toEqual(["agents:read"]);
  expect(apiKey?.metadata?.labels).toEqual({ env: "prod" });
  await choose(page, "New name", "Edit…");
  await owner.apiKeys.updateApiKey({ id: key.id, metadata: { name: "Theirs" } });
  await page.getByLabel("Name", { exact: true }).fill("Mine");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByText("Close this dialog and open it again").waitFor();
  expect((await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.metadata?.name).toBe("Theirs");
});

test("workspaces are granted to a key and removed from it", async () => {
  const owner = await app.newAccount();
  await newWorkspace(owner, "Production");
  const key = await issueKey(owner, { metadata: { name: "Worker" } });
  const page = await openKeys(tabs, owner, `/keys?key=${key.id}`);
  await page.getByRole("tab", { name: "Workspaces" }).click();
  await page.getByRole("combobox", { name: "Grant a workspace" }).selectOption("Production");
  await page.getByRole("button", { name: "Grant", exact: true }).click();
  await page.getByRole("button", { name: "Remove Production" }).click();
  await page.getByText("No workspace is granted to this key.").waitFor();
  const { items } = await owner.apiKeys.listApiKeyWorkspaces({ id: key.id });
  expect(items).toEqual([]);
});

test("an owner mints the first token of the system key", async () => {
  const owner = await app.newAccount();
  const page = await openKeys(tabs, owner);
  await choose(page, "system key", "Rotate…");
  await page.getByRole("button", { name: "Rotate key" }).click();
  const token = await shownToken(page);
  expect(token).toMatch(/^lk_svc_/);
  expect(await verdictOf(app, token)).toBe("VALID");
  await saveToken(page);
});
