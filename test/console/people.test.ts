import { create, toBinary } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { BadRequestSchema } from "../../console/gen/google/rpc/error_details_pb.ts";
import { newMember } from "../support/actors/actors.ts";
import { password } from "../support/app.ts";
import { newAcme } from "../support/console/acme.ts";
import { useConsole } from "../support/console/console.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

test("an owner invites a person, whose token is shown once and is accepted", async () => {
  const { owner, workspaceId } = await newAcme(app);
  const page = await tabs.open("/people", { as: owner });
  await page.getByRole("button", { name: "Invite a person" }).click();
  await page.getByLabel("E-mail address").fill("dora@example.com");
  await page.getByRole("radio", { name: "developer" }).check();
  await page.getByRole("checkbox", { name: "Production" }).check();
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  const secret = page.getByRole("region", { name: "token" });
  const token = ((await secret.locator("pre").textContent()) ?? "").trim();
  expect(token).toMatch(/^lk_inv_/);
  await page.getByRole("button", { name: "Done" }).click();
  await page.getByRole("button", { name: "Yes, the token is saved" }).click();
  await secret.waitFor({ state: "detached" });
  const { items } = await owner.invites.listInvites({});
  const invite = items.find(({ spec }) => spec?.email === "dora@example.com");
  expect(invite?.spec?.workspaceIds).toEqual([workspaceId]);
  const accepted = { id: invite?.metadata?.id ?? "", token, name: "Dora", password };
  await app.clientAs("").invites.acceptInvite(accepted);
  await page.reload();
  await page.getByRole("row", { name: /Dora.*developer/ }).waitFor();
});

test("the token of an invite appears even if the list cannot be loaded again", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/invites", { as: owner });
  await page.getByRole("button", { name: "Invite a person" }).click();
  await page.getByLabel("E-mail address").fill("dan@example.com");
  await page.getByRole("radio", { name: "developer" }).check();
  // The requests stay without an answer.
  await page.route("**/latchkey.v1.InviteService/ListInvites*", () => undefined);
  await page.getByRole("button", { name: "Invite", exact: true }).click();
  await page.getByText(/lk_inv_/).waitFor();
  await page.unrouteAll({ behavior: "ignoreErrors" });
});

test("an invite that was made is listed and can be revoked", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/invites", { as: owner });
  await page.getByRole("button", { name: "Revoke the invite of carol@example.com" }).click();
  await page.getByRole("button", { name: "Revoke invite" }).click();
  await page.getByText("No pending invites").waitFor();
  await page.getByLabel("Show accepted, revoked and expired invites").check();
  await page.getByRole("row", { name: /carol@example.com.*Revoked/ }).waitFor();
  expect((await owner.invites.listInvites({})).items).toEqual([]);
});

test("a confirmation names each field that the server refuses", async () => {
  const { owner } = await newAcme(app);
  const page = await tabs.open("/invites", { as: owner });
  const fieldViolations = [{ field: "id", description: "expected the id of an invite" }];
  const value = toBinary(BadRequestSchema, create(BadRequestSchema, { fieldViolations }));
  const details = [{ type: "google.rpc.BadRequest", value: Buffer.from(value).toString("base64") }];
  await page.route("**/latchkey.v1.InviteService/RevokeInvite", (route) =>
    route.fulfill({ status: 400, json: { code: "invalid_argument", message: "invalid request", details } }),
  );
  await page.getByRole("button", { name: "Revoke the invite of carol@example.com" }).click();
  await page.getByRole("button", { name: "Revoke invite" }).click();
  await page.getByRole("alertdialog").getByText("id: expected the id of an invite").waitFor();
});

test("an owner changes the role of a person and removes them", async () => {
  const { owner, viewer } = await newAcme(app);
  const page = await tabs.open("/people", { as: owner });
  const menu = page.getByRole("button", { name: "Actions for Member" });
  await menu.click();
  await page.getByRole("menuitem", { name: "Change role" }).click();
  await page.getByRole("radio", { name: "admin" }).check();
  await page.getByRole("button", { name: "Change role" }).click();
  await page.getByRole("row", { name: /Member.*admin/ }).waitFor();
  const { profile } = await owner.profiles.getProfile({ id: viewer.profileId });
  expect(profile?.info?.role).toBe("admin");
  await menu.click();
  await page.getByRole("menuitem", { name: "Remove from the account" }).click();
  await page.getByRole("button", { name: "Remove", exact: true }).click();
  await page.getByText("Member is no longer in the account.").waitFor();
  expect(await page.getByRole("row", { name: /Member/ }).count()).toBe(0);
});

test("a search finds people by name and by e-mail address", async () => {
  const { owner, viewer } = await newAcme(app);
  const page = await tabs.open("/people", { as: owner });
  await page.getByRole("row", { name: /Ann/ }).waitFor();
  await page.getByLabel("Search people").fill(viewer.email.slice(0, 20));
  await page.getByRole("row", { name: /Ann/ }).waitFor({ state: "detached" });
  expect(await page.getByRole("row", { name: /Member/ }).count()).toBe(1);
  await page.getByLabel("Search people").fill("nothing has this name");
  await page.getByText("No person has this name or e-mail address").waitFor();
});

test("an admin is not offered to change owners, nor to give the role of owners", async () => {
  const { owner } = await newAcme(app);
  const admin = await newMember(app, owner, "admin");
  const page = await tabs.open("/people", { as: admin });
  await page.getByRole("row", { name: /Ann.*owner/ }).waitFor();
  await page.getByRole("button", { name: "Actions for Ann" }).click();
  expect(await page.getByRole("menuitem").allTextContents()).toEqual(["What they did"]);
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Invite a person" }).click();
  await page.getByRole("radio", { name: "admin" }).waitFor();
  expect(await page.getByRole("radio", { name: "owner" }).count()).toBe(0);
});

test("the last owner reads the server's sentence, and a member leaves the account", async () => {
  const { owner, viewer } = await newAcme(app);
  const page = await tabs.open("/account", { as: owner });
  await page.getByRole("button", { name: "Leave the account" }).click();
  await page.getByRole("button", { name: "Leave", exact: true }).click();
  await page.getByRole("alert").filter({ hasText: "owner" }).waitFor();
  const other = await tabs.open("/account", { as: viewer });
  await other.getByRole("button", { name: "Leave the account" }).click();
  await other.getByRole("button", { name: "Leave", exact: true }).click();
  await expect.poll(async () => (await viewer.accounts.listAccounts({})).items).toEqual([]);
});
