import { expect, test } from "vitest";
import { mailedToken } from "../support/actors/mailbox.ts";
import { password, useApp } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";

// Only a mailed token proves an e-mail address.
const app = useApp({ LATCHKEY_SMTP_URL: "smtp://127.0.0.1:1" });
const tabs = useConsole(app);

test("a user sees their sessions and ends another one, which is then refused", async () => {
  const owner = await app.newAccount();
  const { token } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
  const page = await tabs.open("/sessions", { as: owner });
  await page.getByText("this session").waitFor();
  await expectAccessible(page);
  await page.getByRole("button", { name: "End", exact: true }).click();
  await page.getByRole("button", { name: "End now" }).click();
  await page.getByText("The session has ended.").waitFor();
  await expect(app.clientAs(token).profiles.whoAmI({})).rejects.toMatchObject({ code: 16 });
  await expect.poll(() => page.getByRole("row").count()).toBe(2);
});

test("a user ends all other sessions at once", async () => {
  const owner = await app.newAccount();
  const others = [1, 2].map(() => app.clientAs("").sessions.logIn({ email: owner.email, password }));
  const [one] = await Promise.all(others);
  const page = await tabs.open("/sessions", { as: owner });
  await page.getByRole("button", { name: "End all others" }).click();
  await page.getByRole("button", { name: "End now" }).click();
  await page.getByText("All other sessions have ended.").waitFor();
  await expect(app.clientAs(one?.token ?? "").profiles.whoAmI({})).rejects.toMatchObject({ code: 16 });
});

test("a user changes the password, stays logged in, and the old one is refused", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/password", { as: owner });
  await page.getByLabel("Current password").fill("not the password");
  await page.getByLabel("New password").fill(`${password} new`);
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByRole("alert").waitFor();
  await page.getByLabel("Current password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByText("The password is changed.").waitFor();
  await page.getByRole("link", { name: "Sessions" }).click();
  await page.getByText("this session").waitFor();
  const old = app.clientAs("").sessions.logIn({ email: owner.email, password });
  await expect(old).rejects.toMatchObject({ code: 16 });
});

test("a user changes the e-mail address with the mailed token", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/password", { as: owner });
  await page.getByLabel("New e-mail address").fill("new@example.com");
  await page.getByLabel("Your password").fill(password);
  await page.getByRole("button", { name: "Mail me a token" }).click();
  await page.getByText("A mail with a token is on its way.").waitFor();
  const token = await mailedToken(app, "new@example.com");
  await page.getByLabel("Token from the mail").fill(token);
  await page.getByRole("button", { name: "Use this address" }).click();
  await page.getByText("How you log in as new@example.com.").waitFor();
  await expectAccessible(page);
});

test("a user deletes themselves only after typing the e-mail address", async () => {
  const owner = await app.newAccount();
  const { invite } = await owner.invites.createInvite({ email: "heir@example.com", role: "owner" });
  const token = await mailedToken(app, "heir@example.com");
  const id = invite?.metadata?.id ?? "";
  await app.clientAs("").invites.acceptInvite({ id, token, name: "Heir", password });
  const page = await tabs.open("/password", { as: owner });
  await page.getByRole("button", { name: "Delete user…" }).click();
  const dialog = page.getByRole("alertdialog");
  const confirm = dialog.getByRole("button", { name: "Delete user" });
  expect(await confirm.isDisabled()).toBe(true);
  await dialog.getByLabel("Your password").fill(password);
  await dialog.getByLabel(/^Type/).fill(owner.email);
  await confirm.click();
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  await expect(owner.profiles.whoAmI({})).rejects.toMatchObject({ code: 16 });
});
