import { expect, test } from "vitest";
import { newMember } from "../support/actors/actors.ts";
import { newAcme } from "../support/console/acme.ts";
import { useConsole } from "../support/console/console.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

test("an owner makes, edits and archives a workspace", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/workspaces", { as: owner });
  await page.getByRole("button", { name: "New workspace" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Sandbox");
  await page.getByLabel("Description (optional)").fill("For trials");
  await page.getByRole("button", { name: "Create workspace" }).click();
  await page.getByRole("link", { name: "Sandbox" }).click();
  await page.getByRole("heading", { name: "Sandbox" }).waitFor();
  await page.getByRole("button", { name: "Edit" }).click();
  await page.getByLabel("Name", { exact: true }).fill("Trials");
  await page.getByRole("button", { name: "Save" }).click();
  await page.getByRole("heading", { name: "Trials", exact: true }).waitFor();
  await page.getByRole("button", { name: "Actions for Trials" }).click();
  await page.getByRole("menuitem", { name: "Archive" }).click();
  const archive = page.getByRole("button", { name: "Archive workspace" });
  expect(await archive.isDisabled()).toBe(true);
  await page.getByLabel("Type “Trials” to confirm").fill("Trials");
  await archive.click();
  await page.getByText("This workspace is archived.").waitFor();
  expect(await page.getByRole("button", { name: "Add a member" }).count()).toBe(0);
  await page.getByRole("link", { name: "Workspaces", exact: true }).click();
  await page.getByRole("link", { name: "Production" }).waitFor();
  expect(await page.getByRole("link", { name: "Trials" }).count()).toBe(0);
  await page.getByLabel("Show archived").check();
  await page.getByRole("link", { name: "Trials" }).waitFor();
});

test("the last workspace stays, and the user reads the server's sentence", async () => {
  const { owner, workspaceId } = await newAcme(app);
  const { items } = await owner.workspaceAdmin.listAccountWorkspaces({ query: "Staging" });
  await owner.workspaceAdmin.archiveWorkspace({ workspaceId: items[0]?.metadata?.id ?? "" });
  const page = await tabs.open(`/workspaces/${workspaceId}`, { as: owner });
  await page.getByRole("button", { name: "Actions for Production" }).click();
  await page.getByRole("menuitem", { name: "Archive" }).click();
  await page.getByLabel("Type “Production” to confirm").fill("Production");
  await page.getByRole("button", { name: "Archive workspace" }).click();
  await page.getByRole("alert").filter({ hasText: "The last live workspace" }).waitFor();
});

test("people, service accounts and keys are given a workspace, and lose it", async () => {
  const { owner, workspaceId } = await newAcme(app);
  const page = await tabs.open(`/workspaces/${workspaceId}`, { as: owner });
  await page.getByRole("row", { name: /Checkout.*Key/ }).waitFor();
  await page.getByRole("button", { name: "Add a member" }).click();
  await page.getByLabel("Kind").selectOption({ label: "Service accounts" });
  await page.getByRole("radio", { name: "Nightly build" }).check();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("row", { name: /Nightly build.*Service account/ }).waitFor();
  await page.getByRole("button", { name: "Remove Checkout" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByRole("row", { name: /Checkout/ }).waitFor({ state: "detached" });
  const { items } = await owner.workspaceAdmin.listWorkspaceMembers({ workspaceId });
  expect(items.map(({ profile }) => profile?.spec?.name).sort()).toEqual(["Member", "Nightly build"]);
});

test("a person without membership is invited into a workspace by e-mail address", async () => {
  const { owner, workspaceId } = await newAcme(app);
  const page = await tabs.open(`/workspaces/${workspaceId}`, { as: owner });
  await page.getByRole("button", { name: "Add a member" }).click();
  await page.getByRole("tab", { name: "By e-mail address" }).click();
  await page.getByRole("textbox", { name: "E-mail address" }).fill("eve@example.com");
  await page.getByRole("radio", { name: "developer" }).check();
  await page.getByRole("button", { name: "Add", exact: true }).click();
  await page.getByRole("heading", { name: "The invite of eve@example.com" }).waitFor();
  const { items } = await owner.invites.listInvites({});
  const invite = items.find(({ spec }) => spec?.email === "eve@example.com");
  expect(invite?.spec?.workspaceIds).toEqual([workspaceId]);
});

test("a member without permission to read workspaces sees those that they may enter", async () => {
  const { owner, workspaceId } = await newAcme(app);
  await owner.roles.createRole({ metadata: { name: "bare" } });
  const bare = await newMember(app, owner, "bare", [workspaceId]);
  const page = await tabs.open("/workspaces", { as: bare });
  await page.getByRole("row", { name: /Production/ }).waitFor();
  expect(await page.getByRole("row", { name: /Staging/ }).count()).toBe(0);
  expect(await page.getByRole("main").getByRole("link").count()).toBe(0);
  expect(await page.getByRole("main").getByRole("button").count()).toBe(0);
});
