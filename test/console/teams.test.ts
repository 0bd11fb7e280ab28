import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { newServiceAccount } from "../support/actors/actors.ts";
import { newAcme } from "../support/console/acme.ts";
import { useConsole } from "../support/console/console.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

async function choose(page: Page, thing: string, action: string): Promise<void> {
  await page.getByRole("button", { name: `Actions for ${thing}` }).click();
  await page.getByRole("menuitem", { name: action }).click();
}

test("an owner makes, edits and deletes a team, and its service accounts move", async () => {
  const { owner, robotId, roleId } = await newAcme(app);
  const page = await tabs.open("/teams", { as: owner });
  await page.getByRole("button", { name: "New team" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Operations");
  await page.getByRole("checkbox", { name: "Support" }).check();
  await page.getByRole("button", { name: "Create team" }).click();
  await page.getByRole("row", { name: /Operations.*Support/ }).waitFor();
  await choose(page, "Operations", "Edit");
  await page.getByLabel("Name", { exact: true }).fill("Ops");
  await page.getByText("External id and labels").click();
  await page.getByLabel("Labels (optional)").fill("area=infra");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: /^Ops/ }).waitFor();
  const { items } = await owner.teams.listTeams({ query: "Ops" });
  expect(items.map(({ metadata, spec }) => [metadata?.labels, spec?.roles])).toEqual([
    [{ area: "infra" }, [roleId]],
  ]);
  await choose(page, "Platform", "Delete");
  await page.getByRole("button", { name: "Delete team" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Its service accounts move to").selectOption({ label: "Ops" });
  await page.getByRole("button", { name: "Delete team" }).click();
  await page.getByText("The team “Platform” is deleted.").waitFor();
  const { serviceAccount } = await owner.serviceAccounts.getServiceAccount({ id: robotId });
  expect(serviceAccount?.spec?.teamId).toBe(items[0]?.metadata?.id);
});

test("people join and leave a team", async () => {
  const { owner, teamId } = await newAcme(app);
  const page = await tabs.open(`/teams/${teamId}`, { as: owner });
  await page.getByRole("button", { name: "Remove Member" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("No people in this team").waitFor();
  await page.getByRole("button", { name: "Add a person" }).click();
  await page.getByLabel("Search people").fill("Memb");
  await page.getByRole("radio", { name: "Member" }).check();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("row", { name: /Member/ }).waitFor();
  const { items } = await owner.teams.listTeamMembers({ id: teamId });
  expect(items.map(({ spec }) => spec?.name)).toEqual(["Member"]);
});

test("an owner makes, edits and deletes a role, and its holders get another one", async () => {
  const { owner, viewer } = await newAcme(app);
  const page = await tabs.open("/roles", { as: owner });
  await page.getByRole("button", { name: "New role" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Auditor");
  await page.getByLabel("Add as text").fill("audit:read, invoices:write invoices:read");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Create role" }).click();
  const row = page.getByRole("row", { name: /Auditor/ });
  await row.waitFor();
  expect(await row.locator("code").allTextContents()).toEqual(["audit:read", "invoices:write"]);
  await owner.profiles.setProfileRole({ id: viewer.profileId, role: "Auditor" });
  await choose(page, "Auditor", "Delete");
  await page.getByRole("button", { name: "Delete role" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Its holders get").selectOption({ label: "viewer" });
  await page.getByRole("button", { name: "Delete role" }).click();
  await row.waitFor({ state: "detached" });
  const { profile } = await owner.profiles.getProfile({ id: viewer.profileId });
  expect(profile?.info?.role).toBe("viewer");
});

test("a built-in role offers neither a change nor a deletion", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/roles", { as: owner });
  await page.getByRole("button", { name: "Actions for viewer" }).click();
  expect(await page.getByRole("menuitem").allTextContents()).toEqual(["History"]);
});

test("a change that another user overtook shows the server's sentence and keeps what was typed", async () => {
  const { owner, roleId } = await newAcme(app);
  const page = await tabs.open("/roles", { as: owner });
  await choose(page, "Support", "Edit");
  await page.getByLabel("Name", { exact: true }).fill("Care");
  await owner.roles.updateRole({ id: roleId, spec: { description: "changed meanwhile", permissions: [] } });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("alert").filter({ hasText: "has changed since you read it" }).waitFor();
  expect(await page.getByLabel("Name", { exact: true }).inputValue()).toBe("Care");
});

test("an owner makes, moves and deletes a service account, and its keys end", async () => {
  const { owner } = await newAcme(app);
  await owner.teams.createTeam({ metadata: { name: "Second" } });
  const page = await tabs.open("/service-accounts", { as: owner });
  await page.getByRole("button", { name: "New service account" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Backup");
  await page.getByLabel("Team").selectOption({ label: "Platform" });
  await page.getByRole("button", { name: "Create service account" }).click();
  await page.getByRole("row", { name: /Backup.*Platform/ }).waitFor();
  await choose(page, "Backup", "Edit or move");
  await page.getByLabel("Team").selectOption({ label: "Second" });
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("row", { name: /Backup.*Second/ }).waitFor();
  const { items } = await owner.serviceAccounts.listServiceAccounts({ query: "Backup" });
  const created = await owner.apiKeys.createApiKey({
    metadata: { name: "backup" },
    spec: { kind: 2, serviceAccountId: items[0]?.metadata?.id ?? "" },
  });
  await page.reload();
  await choose(page, "Backup", "Delete");
  await page.getByLabel("Type “Backup” to confirm").fill("Backup");
  await page.getByRole("button", { name: "Delete service account" }).click();
  await page.getByRole("row", { name: /Backup/ }).waitFor({ state: "detached" });
  const { apiKey } = await owner.apiKeys.getApiKey({ id: created.apiKey?.metadata?.id ?? "" });
  expect(apiKey?.info?.revokedAt).toBeDefined();
});

test("a list with more items than a page has a next and a previous page", async () => {
  const { owner, teamId } = await newAcme(app);
  for (let n = 0; n < 26; n++) await newServiceAccount(owner, `robot ${n}`, teamId);
  const page = await tabs.open("/service-accounts", { as: owner });
  await page.getByRole("row", { name: /robot 25/ }).waitFor();
  await page.getByRole("button", { name: "Next" }).click();
  await page.getByRole("row", { name: /Nightly build/ }).waitFor();
  expect(await page.getByRole("row").count()).toBe(3);
  await page.getByRole("button", { name: "Previous" }).click();
  await page.getByRole("row", { name: /robot 25/ }).waitFor();
});
