import { expect, test } from "vitest";
import { type Owner, password } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);

/** Ends all sessions of a user, as if from another device. */
async function endSessions(owner: Owner): Promise<void> {
  const { token } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
  await app.clientAs(token).sessions.revokeSession({ allOthers: true });
}

test("after a revoked session, the user logs in above the page, and the call that waited is made with what was typed", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/password", { as: owner });
  await page.getByLabel("Current password").fill(password);
  await page.getByLabel("New password").fill(`${password} two`);
  await endSessions(owner);
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("alertdialog", { name: "Your session has ended" });
  await dialog.waitFor();
  await expectAccessible(page);
  await dialog.getByLabel("E-mail address").fill(owner.email);
  await dialog.getByLabel("Password").fill(password);
  expect(await page.getByLabel("Current password").inputValue()).toBe(password);
  await dialog.getByRole("button", { name: "Log in" }).click();
  await page.getByText("The password is changed.").waitFor();
  const newPassword = `${password} two`;
  await app.clientAs("").sessions.logIn({ email: owner.email, password: newPassword });
});

test("another user who logs in above the page does not get the page of the first one", async () => {
  const [first, second] = [await app.newAccount("First"), await app.newAccount("Second")];
  const page = await tabs.open("/password", { as: first });
  await page.getByLabel("Current password").fill("typed by the first user");
  await page.getByLabel("New password").fill(`${password} two`);
  await endSessions(first);
  await page.getByRole("button", { name: "Change password" }).click();
  const dialog = page.getByRole("alertdialog");
  await dialog.getByLabel("E-mail address").fill(second.email);
  await dialog.getByLabel("Password").fill(password);
  await dialog.getByRole("button", { name: "Log in" }).click();
  await page.getByRole("button", { name: "Second" }).waitFor();
  expect(await page.getByLabel("Current password").inputValue()).toBe("");
});

test("a server that is away shows a banner, and the page recovers by itself", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/password", { as: owner });
  await page.getByLabel("Current password").fill(password);
  await page.getByLabel("New password").fill(`${password} two`);
  const back = await tabs.goAway();
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("The console tries again by itself.").waitFor();
  expect(await page.getByLabel("New password").inputValue()).toBe(`${password} two`);
  await back();
  await page.getByText("The console tries again by itself.").waitFor({ state: "detached" });
  await page.getByRole("button", { name: "Change password" }).click();
  await page.getByText("The password is changed.").waitFor();
});

test("two tabs agree: a log-out and a log-in in one of them happen in the other", async () => {
  const owner = await app.newAccount();
  const one = await tabs.open("/sessions", { as: owner });
  const two = await tabs.open("/password", { context: one.context() });
  await two.getByLabel("Current password").waitFor();
  await one.getByRole("button", { name: owner.email }).click();
  await one.getByRole("menuitem", { name: "Log out" }).click();
  await one.getByRole("heading", { name: "Log in" }).waitFor();
  await two.getByRole("heading", { name: "Log in" }).waitFor();
  await two.getByLabel("E-mail address").fill(owner.email);
  await two.getByLabel("Password").fill(password);
  await two.keyboard.press("Enter");
  await two.getByLabel("Current password").waitFor();
  await one.getByRole("navigation", { name: "Pages of the console" }).waitFor();
});

test("a user of two accounts chooses one, and switches", async () => {
  const owner = await app.newAccount("First");
  await owner.accounts.createAccount({ metadata: { name: "Second" } });
  const page = await tabs.open("/sessions", { as: owner });
  await page.getByRole("heading", { name: "Choose an account" }).waitFor();
  await expectAccessible(page);
  await page.getByRole("button", { name: "Second" }).click();
  await page.getByRole("button", { name: "Second switch account" }).click();
  await page.keyboard.press("ArrowDown");
  await page.getByRole("menuitemradio", { name: "First" }).click();
  await page.getByRole("button", { name: "First switch account" }).waitFor();
  await page.reload();
  await page.getByRole("button", { name: "First switch account" }).waitFor();
});

test("an unknown address is a page that says so", async () => {
  const page = await tabs.open("/no-such-page", { as: await app.newAccount() });
  await page.getByRole("heading", { name: "Page not found" }).waitFor();
});

test("a script in a name renders as text", async () => {
  const name = `<img src=x onerror="alert(1)"><script>alert(1)</script>`;
  const page = await tabs.open("/sessions", { as: await app.newAccount(name) });
  await page.getByRole("button", { name }).waitFor();
  expect(await page.evaluate("document.querySelectorAll('main img, .sidebar img').length")).toBe(0);
});

test("a violation of the policy of a page is reported, so that every test of the console would fail", async () => {
  const page = await tabs.open("/log-in");
  await page.getByRole("heading", { name: "Log in" }).waitFor();
  const reported = page.waitForEvent("console");
  await page.evaluate(
    "document.head.append(Object.assign(document.createElement('style'), { textContent: 'x' }))",
  );
  expect((await reported).text()).toContain("style-src");
  await expect(tabs.finishTest()).rejects.toThrow("the browser reported these problems");
});

test("a tab has no user, cookie or storage of an earlier test, although it is the same tab", async () => {
  const owner = await app.newAccount();
  const page = await tabs.open("/sessions", { as: owner });
  await page.getByText("this session").waitFor();
  await page.evaluate("localStorage.left = sessionStorage.left = document.cookie = 'left=1'");
  await tabs.finishTest();
  const next = await tabs.open("/sessions");
  expect(next).toBe(page);
  await next.getByRole("heading", { name: "Log in" }).waitFor();
  expect(await next.context().cookies()).toEqual([]);
  expect(await next.evaluate("[localStorage.left, sessionStorage.left]")).toEqual([undefined, undefined]);
});
