import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { ApiKeyKind, Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newMember, newRole, newTeam } from "../support/actors/actors.ts";
import { verdictOf } from "../support/actors/api-key.ts";
import { newWorkspace, type Owner, useApp } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { openKeys, rowOf, saveToken, shownToken } from "../support/console/keys.ts";

const sets = [
  { name: "operator", permissions: ["runs:start", "agents:read"] },
  { name: "key_admin", permissions: ["api_keys:manage"] },
];
const app = useApp({
  LATCHKEY_PERMISSIONS: "agents,invoices,runs:start",
  LATCHKEY_PERMISSION_SETS: JSON.stringify(sets),
});
const tabs = useConsole(app);

async function openDialog(owner: { token: string }): Promise<Page> {
  const page = await openKeys(tabs, owner);
  await page.getByRole("button", { name: "Create key", exact: true }).click();
  await page
    .getByRole("group", { name: "Permissions by resource" })
    .or(page.getByLabel("Name", { exact: true }))
    .first()
    .waitFor();
  return page;
}

const submit = (page: Page) => page.getByRole("dialog").getByRole("button", { name: "Create key" }).click();

async function keyNamed(owner: Owner, name: string) {
  const { items } = await owner.apiKeys.listApiKeys({ query: name, includeInfo: true });
  expect(items).toHaveLength(1);
  return items[0];
}

test("an application key gets its permissions, workspaces, environment, end and labels in one dialog", async () => {
  const owner = await app.newAccount();
  await newWorkspace(owner, "Production");
  await newWorkspace(owner, "Staging");
  const page = await openDialog(owner);
  await page.getByLabel("Name", { exact: true }).fill("Billing export");
  await page.getByRole("radio", { name: "Test" }).check();
  await page.getByRole("checkbox", { name: "invoices:write" }).check();
  expect(await page.getByRole("checkbox", { name: "invoices:read" }).isDisabled()).toBe(true);
  await page.getByLabel("Add as text").fill("runs:start, agents:read nonsense");
  await page.keyboard.press("Enter");
  await page.getByText("These are no permissions: nonsense.").waitFor();
  await page.getByRole("button", { name: "Remove agents:read" }).click();
  await page.getByRole("checkbox", { name: "Staging" }).check();
  await page.getByLabel("Expires").selectOption("In 30 days");
  await page.getByText("Description, labels and external id").click();
  await page.getByLabel("Key labels").fill("env=prod, team=finance");
  await submit(page);
  const token = await shownToken(page);
  expect(token).toMatch(/^lk_test_/);
  expect(await verdictOf(app, token)).toBe("VALID");
  const key = await keyNamed(owner, "Billing export");
  expect(key?.spec).toMatchObject({
    kind: ApiKeyKind.APPLICATION,
    environment: Environment.TEST,
    permissions: ["invoices:write", "runs:start"],
    workspaceScope: WorkspaceScope.SELECTED,
  });
  expect(key?.info?.workspacesPreview.map(({ name }) => name)).toEqual(["Staging"]);
  expect(key?.metadata?.labels).toEqual({ env: "prod", team: "finance" });
  const days = (Number(key?.spec?.expiresAt?.seconds) * 1000 - Date.now()) / 86_400_000;
  expect(Math.round(days)).toBe(30);
  await saveToken(page);
});

test("a preset of the deployment gives its permissions with one click, and only to a user who holds them", async () => {
  const owner = await app.newAccount();
  const page = await openDialog(owner);
  await page.getByLabel("Name", { exact: true }).fill("Operated");
  await page.getByRole("button", { name: "operator", exact: true }).click();
  expect(await page.getByRole("checkbox", { name: "runs:start" }).isChecked()).toBe(true);
  await expectAccessible(page);
  await submit(page);
  await shownToken(page);
  expect((await keyNamed(owner, "Operated"))?.spec?.permissions).toEqual(["agents:read", "runs:start"]);
  await saveToken(page);
  const developer = await openDialog(await newMember(app, owner, "developer"));
  await developer.getByLabel("Find a resource").or(developer.getByLabel("Add as text")).first().waitFor();
  expect(await developer.getByRole("button", { name: "key_admin" }).count()).toBe(0);
});

test("a new token stays in its dialog while the list is refreshed, until the user says that it is saved", async () => {
  const owner = await app.newAccount();
  const page = await openDialog(owner);
  await page.getByLabel("Name", { exact: true }).fill("kept");
  await submit(page);
  const token = await shownToken(page);
  // Another tab changes the list, and Escape only asks.
  await owner.apiKeys.createApiKey({ metadata: { name: "from elsewhere" } });
  await page.evaluate("new BroadcastChannel('latchkey-console').postMessage('changed')");
  await page.keyboard.press("Escape");
  await page.getByRole("alertdialog").getByRole("button", { name: "Cancel" }).click();
  await expect.poll(() => page.locator("table", { hasText: "from elsewhere" }).count()).toBe(1);
  expect(await shownToken(page)).toBe(token);
  expect(await page.getByRole("region", { name: "commands" }).innerText()).toContain(token);
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await page.getByRole("button", { name: "Copy token" }).click();
  await page.getByText("Copied", { exact: true }).waitFor();
  expect(await page.evaluate("navigator.clipboard.readText()")).toBe(token);
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Download" }).click();
  expect((await download).suggestedFilename()).toMatch(/^key_[0-9a-z]{26}\.token$/);
  await expectAccessible(page);
  await saveToken(page);
  await rowOf(page, "kept").waitFor();
  expect(await page.content()).not.toContain(token.slice(-20));
});

test("a new token appears even if the list cannot be loaded again", async () => {
  const owner = await app.newAccount();
  const page = await openDialog(owner);
  await page.getByLabel("Name", { exact: true }).fill("unlisted");
  // The requests stay without an answer.
  await page.route("**/latchkey.v1.ApiKeyService/ListApiKeys*", () => undefined);
  await submit(page);
  expect(await verdictOf(app, await shownToken(page))).toBe("VALID");
  await page.unrouteAll({ behavior: "ignoreErrors" });
});

test("a service key for a team is made in one step, with its service account", async () => {
  const owner = await app.newAccount();
  await newTeam(owner, "Robots", await newRole(owner, "Runner", "runs:start", "agents:read"));
  const page = await openDialog(owner);
  await page.getByRole("radio", { name: "Service" }).check();
  await page.getByLabel("Name", { exact: true }).fill("CI pipeline");
  await submit(page);
  await page.getByText("Choose a team.").waitFor();
  await page.getByLabel("Team", { exact: true }).selectOption("Robots");
  await page.getByRole("radio", { name: "Only some permissions" }).check();
  await submit(page);
  await page.getByText("Choose at least one permission.").waitFor();
  await page.getByRole("checkbox", { name: "runs:start" }).check();
  await submit(page);
  expect(await shownToken(page)).toMatch(/^lk_svc_/);
  const { items } = await owner.serviceAccounts.listServiceAccounts({});
  expect(items.map(({ metadata }) => metadata?.name)).toEqual(["CI pipeline"]);
  const key = await keyNamed(owner, "CI pipeline");
  expect(key?.spec?.permissions).toEqual(["runs:start"]);
  expect(key?.spec?.serviceAccountId).toBe(items[0]?.metadata?.id);
  await saveToken(page);
});

test("a developer key gets everything that its user may do, if the user chooses that", async () => {
  const owner = await app.newAccount();
  const page = await openDialog(owner);
  await page.getByRole("radio", { name: "Developer" }).check();
  await page.getByLabel("Name", { exact: true }).fill("Laptop");
  await submit(page);
  expect(await shownToken(page)).toMatch(/^lk_dev_/);
  const key = await keyNamed(owner, "Laptop");
  expect(key?.spec).toMatchObject({ permissions: ["*"], workspaceScope: WorkspaceScope.ALL });
  await saveToken(page);
});

test("an error of the server is shown in its words, and the filled-in form stays", async () => {
  const owner = await app.newAccount();
  await owner.apiKeys.createApiKey({ metadata: { name: "first", externalId: "billing-7" } });
  const page = await openDialog(owner);
  await submit(page);
  await page.getByText("Give the key a name.").waitFor();
  await page.getByLabel("Name", { exact: true }).fill("second");
  await page.getByText("Description, labels and external id").click();
  await page.getByLabel("External id").fill("billing-7");
  await submit(page);
  await page
    .getByRole("alert")
    .filter({ hasText: "external_id" })
    .or(page.getByRole("alert").filter({ hasText: "already" }))
    .first()
    .waitFor();
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("second");
  await page.getByLabel("External id").fill("billing-8");
  await submit(page);
  await shownToken(page);
  await saveToken(page);
});

test("a key is created with the keyboard alone", async () => {
  const owner = await app.newAccount();
  const page = await openKeys(tabs, owner);
  await page.getByRole("button", { name: "Create key", exact: true }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("radio", { name: "Application" }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Tab");
  await page.keyboard.type("By hand");
  await page.keyboard.press("Enter");
  expect(await shownToken(page)).toMatch(/^lk_dev_/);
  // The buttons of the dialog follow the blocks to copy.
  await page.getByRole("button", { name: "Done" }).focus();
  await page.keyboard.press("Enter");
  await page.getByRole("alertdialog").waitFor();
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await rowOf(page, "By hand").waitFor();
  expect(await page.getByRole("dialog").count()).toBe(0);
});
