import { readFileSync } from "node:fs";
import { sql } from "kysely";
import type { Download, Page } from "playwright-core";
import { expect, test } from "vitest";
import { newAcme } from "../support/console/acme.ts";
import { useConsole } from "../support/console/console.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

const sentencesOf = (page: Page) =>
  page.getByRole("list", { name: "Events" }).locator(".sentence").allTextContents();

test("the audit log reads as sentences, and each event unfolds to what changed", async () => {
  const { owner, keyToken, keyId, roleId } = await newAcme(app);
  await refusal(app.clientAs(keyToken).apiKeys.revokeApiKey({ id: keyId }));
  await owner.roles.updateRole({ id: roleId, spec: { permissions: ["tickets:read"] } });
  await app.app.flush();
  const page = await tabs.open("/audit", { as: owner });
  const changed = page.getByRole("listitem").filter({ hasText: "Ann changed the role Support" });
  await changed.waitFor();
  const sentences = await sentencesOf(page);
  expect(sentences).toContain("The key Checkout was not allowed to revoke a keyPERMISSION_DENIED");
  expect(sentences).toContain("Ann gave the key Checkout access to the workspace Production");
  expect(sentences.at(-1)).toBe("Ann signed up and made the account");
  await changed.getByRole("button", { name: /^Details: / }).press("Enter");
  await changed.getByText("latchkey.v1.RoleService/UpdateRole").waitFor();
  expect(await changed.locator("del").allTextContents()).toEqual(["customers:read", "tickets:manage"]);
  expect(await changed.locator("ins").allTextContents()).toEqual(["tickets:read"]);
});

test("filters narrow the audit log and are in the address", async () => {
  const { owner, workspaceId } = await newAcme(app);
  const page = await tabs.open("/audit", { as: owner });
  await page.getByLabel("About").selectOption({ label: "Teams" });
  const all = page.getByRole("list", { name: "Events" }).getByRole("listitem");
  await expect.poll(() => all.count()).toBe(2);
  await page.getByLabel("What happened").selectOption({ label: "Create a team" });
  await expect.poll(() => sentencesOf(page)).toEqual(["Ann created the team Platform"]);
  await page.reload();
  await expect.poll(() => sentencesOf(page)).toEqual(["Ann created the team Platform"]);
  await page.getByLabel("From").fill("2020-01-01");
  await page.getByLabel("To", { exact: true }).fill("2020-01-02");
  await page.getByText("Nothing fits the filters.").waitFor();
  await page.getByLabel("To", { exact: true }).fill("");
  await expect.poll(() => sentencesOf(page)).toEqual(["Ann created the team Platform"]);
  await page.getByLabel("From").fill("2999-01-01");
  await page.getByText("Nothing fits the filters.").waitFor();
  await page.getByRole("button", { name: "Clear the filters" }).first().click();
  await expect.poll(() => all.count()).toBeGreaterThan(5);
  await page.getByRole("button", { name: "Who" }).click();
  await page.getByRole("radio", { name: "Member" }).check();
  await page.getByRole("button", { name: "Show their actions" }).click();
  await expect.poll(() => sentencesOf(page)).toEqual(["Member accepted an invite as viewer"]);
  expect(new URL(page.url()).searchParams.get("profile")).toMatch(/^prof_/);
  await page.goto(`${tabs.url}/console/workspaces/${workspaceId}`);
  await page.getByRole("button", { name: "Actions for Production" }).click();
  await page.getByRole("menuitem", { name: "History" }).click();
  await expect.poll(() => sentencesOf(page)).toContain("Ann created the workspace Production");
  expect((await sentencesOf(page)).every((sentence) => sentence.includes("Production"))).toBe(true);
});

test("an event leads to all events of its resource, of its actor and of its key, and copies its id", async () => {
  const { owner, keyToken } = await newAcme(app);
  await app.clientAs(keyToken).workspaceAdmin.createWorkspace({ metadata: { name: "By key" } });
  const page = await tabs.open("/audit", { as: owner });
  const created = page.getByRole("listitem").filter({ hasText: "created the role Support" });
  await created.getByRole("button", { name: /^Details: / }).click();
  await created.getByRole("button", { name: "All about Support" }).click();
  await expect.poll(() => sentencesOf(page)).toEqual(["Ann created the role Support"]);
  await page.getByRole("button", { name: "Remove the filter About Support" }).click();
  await expect.poll(async () => (await sentencesOf(page)).length).toBeGreaterThan(5);
  const byKey = ["The key Checkout created the workspace By key"];
  const made = page.getByRole("listitem").filter({ hasText: "created the workspace By key" });
  await made.getByRole("button", { name: /^Details: / }).click();
  for (const all of ["All by Checkout", "All with this key"]) {
    await made.getByRole("button", { name: all }).click();
    await expect.poll(() => sentencesOf(page)).toEqual(byKey);
    await page.getByRole("button", { name: "Clear the filters" }).click();
    await expect.poll(async () => (await sentencesOf(page)).length).toBeGreaterThan(5);
  }
  const { items } = await owner.audit.listAuditEvents({ limit: 1 });
  await page.context().grantPermissions(["clipboard-read", "clipboard-write"]);
  await made.getByRole("button", { name: "Copy id of the event" }).click();
  await made.getByText("Copied", { exact: true }).waitFor();
  expect(await page.evaluate("navigator.clipboard.readText()")).toBe(items[0]?.id);
});

async function exported(page: Page, format: string): Promise<string> {
  const downloading = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export" }).click();
  await page.getByRole("menuitem", { name: format }).click();
  const download: Download = await downloading;
  await page.getByText(/events are in the file/).waitFor();
  await page.getByRole("button", { name: "Close" }).last().click();
  return readFileSync(await download.path(), "utf8");
}

test("an export has every event that fits the filters, as CSV and as JSON", async () => {
  const { owner, teamId } = await newAcme(app);
  await owner.teams.updateTeam({ id: teamId, metadata: { name: "Platform 1" } });
  // More events than a page of the server has.
  await sql`
    insert into audit_event
    select (jsonb_populate_record(event, jsonb_build_object('id', left(id, -4) || to_char(n, 'fm0000')))).*
    from audit_event event, generate_series(1, 209) n
    where resource_id = ${teamId} and method like '%UpdateTeam'`.execute(app.db);
  const page = await tabs.open(`/audit?resource=${teamId}`, { as: owner });
  await page.getByRole("list", { name: "Events" }).waitFor();
  const csv = await exported(page, "CSV");
  const lines = csv.trimEnd().split("\r\n");
  expect(lines[0]).toMatch(/^time,event,outcome,/);
  expect(lines).toHaveLength(213);
  expect(lines[1]).toContain("Ann changed the team Platform 1");
  const { items } = JSON.parse(await exported(page, "JSON")) as { items: { id: string; sentence: string }[] };
  expect(new Set(items.map(({ id }) => id)).size).toBe(212);
  expect(items.at(-1)?.sentence).toBe("Ann created the team Platform 1");
});
