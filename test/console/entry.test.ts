import type { Page } from "playwright-core";
import { expect, test } from "vitest";
import { mailedToken } from "../support/actors/mailbox.ts";
import { password } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

const accountButton = (page: Page, name: string) => page.getByRole("button", { name, exact: false });

test("a newcomer signs up with the keyboard only and is in the console", async () => {
  const page = await tabs.open("/sign-up");
  await page.getByLabel("Your name").waitFor();
  for (const text of ["Ada", "Acme", "ada@example.com", password]) {
    await page.keyboard.type(text);
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await accountButton(page, "Acme").waitFor();
  expect(await page.evaluate("document.cookie")).toBe("");
});

test("a weak password is refused in the server's words, beside the field", async () => {
  const page = await tabs.open("/sign-up");
  await page.getByLabel("Your name").fill("Ada");
  await page.getByLabel("Account name").fill("Acme");
  await page.getByLabel("E-mail address").fill("weak@example.com");
  await page.getByLabel("Password").fill("aaaaaaaaaaaa");
  await page.getByRole("button", { name: "Create account" }).click();
  await page.getByText("Correct the marked fields.").waitFor();
  expect(await page.getByLabel("Password").getAttribute("aria-invalid")).toBe("true");
});

test("a wrong password is refused, and the right one shows the page of the address", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/password");
  await page.getByLabel("E-mail address").fill(owner.email);
  await page.getByLabel("Password").fill("wrong wrong wrong");
  await page.getByRole("button", { name: "Log in" }).click();
  const alert = page.getByRole("alert");
  await alert.waitFor();
  expect(await alert.textContent()).toMatch(/password/i);
  await page.getByLabel("Password").fill(password);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: "Password and e-mail" }).waitFor();
  expect(new URL(page.url()).pathname).toBe("/console/password");
});

async function invite(email: string): Promise<string> {
  const owner = await app.newAccount("Globex");
  const { invite } = await owner.invites.createInvite({ email, role: "developer" });
  return invite?.spec?.token ?? "";
}

test("an invited newcomer accepts with the token, a name and a password", async () => {
  const page = await tabs.open("/accept-invite");
  await page.getByLabel("Invite token").fill("lk_inv_garbage");
  await page.getByText("This is not an invite token.").waitFor();
  await page.getByLabel("Invite token").fill(await invite("grace@example.com"));
  await page.getByLabel("Your name").fill("Grace");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Accept invite" }).click();
  await accountButton(page, "Globex").waitFor();
  expect(await page.getByText("grace@example.com").first().isVisible()).toBe(true);
});

test("an invited user logs in to accept, and is in the new account", async () => {
  const owner = await app.newAccount("Initech");
  const page = await tabs.open("/accept-invite");
  await page.getByLabel("Invite token").fill(await invite(owner.email));
  await page.getByLabel("Your name").fill("Again");
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Accept invite" }).click();
  await page.getByRole("heading", { name: "Log in to accept the invite" }).waitFor();
  await page.getByLabel("E-mail address").fill(owner.email);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Log in" }).click();
  await accountButton(page, "Globex").waitFor();
  await accountButton(page, "Globex").click();
  await page.getByRole("menuitemradio", { name: "Initech" }).waitFor();
});

test("a user sets a new password with the mailed token, and logs in with it", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/log-in");
  await page.getByRole("link", { name: "Forgot your password?" }).click();
  await page.getByLabel("E-mail address").fill(owner.email);
  await page.getByRole("button", { name: "Mail me a token" }).click();
  await page.getByLabel("Token from the mail").waitFor();
  const token = await mailedToken(app, owner.email);
  await page.getByLabel("Token from the mail").fill(token);
  await page.getByLabel("New password").fill(`${password} again`);
  await page.getByRole("button", { name: "Set the password" }).click();
  await page.getByText("The password is set. Log in with it.").waitFor();
  await page.getByLabel("E-mail address").fill(owner.email);
  await page.getByLabel("Password").fill(`${password} again`);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("navigation", { name: "Pages of the console" }).waitFor();
});

test("over plain HTTP outside loopback, the log-in page says that HTTPS is needed", async () => {
  const page = await tabs.open("/log-in");
  // The name exists only in this browser. The server still answers.
  await page.route("http://latchkey.example/**", async (route) => {
    const { pathname } = new URL(route.request().url());
    await route.fulfill({ response: await page.request.get(`${tabs.url}${pathname}`) });
  });
  expect(await page.getByText("HTTPS is needed.").count()).toBe(0);
  await page.goto("http://latchkey.example/console/log-in");
  await page.getByText("HTTPS is needed.").waitFor();
  tabs.allow(/Cross-Origin-Opener-Policy/);
});

test("the pages of entry have no serious violation of accessibility in either theme", async () => {
  const page = await tabs.openBlank();
  for (const path of ["/log-in", "/sign-up", "/accept-invite", "/reset-password"]) {
    await page.goto(`${tabs.url}/console${path}`);
    await page.getByRole("heading", { level: 1 }).waitFor();
    await expectAccessible(page);
  }
});
