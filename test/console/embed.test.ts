import type { Frame, Page } from "playwright-core";
import { afterAll, beforeEach, expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { accountIdOf, newActing } from "../support/actors/acting.ts";
import { embed, keysPermissions } from "../support/actors/embed.ts";
import { issueKey, type Owner, useApp } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { openProduct, readExample } from "../support/console/product.ts";
import { outcome } from "../support/errors.ts";
import { sampled } from "../support/random.ts";

const [product, stranger] = [await openProduct(), await openProduct()];
const app = useApp({ LATCHKEY_EMBED_ORIGINS: product.origin });
const tabs = useConsole(app);
afterAll(() => {
  product.close();
  stranger.close();
});

let owner: Owner;
let platformKey: string;
beforeEach(async () => {
  owner = await app.newAccount("Customer");
  ({ token: platformKey } = await newActing(app, accountIdOf(owner), ...keysPermissions, "agents:*"));
  const { newEmbedToken } = await readExample();
  for (const one of [product, stranger]) {
    one.frameUrl = `${tabs.url}/console/embed`;
    one.asked = 0;
    one.give = () => newEmbedToken(tabs.url, platformKey, accountIdOf(owner));
  }
});

async function openFrame(): Promise<[Page, Frame]> {
  const page = await tabs.openBlank();
  return [page, await showFrame(page)];
}

/** Shows the page of the product in a tab, and returns its frame. */
async function showFrame(page: Page): Promise<Frame> {
  await page.goto(product.origin);
  const frame = page.frames()[1];
  if (!frame) throw new Error("the page of the product has no frame");
  return frame;
}

const ready = (frame: Frame) => frame.getByRole("heading", { name: "API keys", level: 1 }).waitFor();

/** Sends a message to the frame from another place than the page of the product. */
const post = (message: object) => `document.getElementById("keys").contentWindow.postMessage(
  ${JSON.stringify(message)}, ${JSON.stringify(tabs.url)})`;

test("a customer manages keys in the frame of the product, which has no serious violation of accessibility, and the token is stored nowhere", async () => {
  await issueKey(owner, { metadata: { name: "Older key" } });
  const [page, frame] = await openFrame();
  await frame.getByText("Older key").first().waitFor();
  await expectAccessible(page, frame);
  await frame.getByRole("button", { name: "Create key" }).first().click();
  await frame.getByLabel("Name", { exact: true }).fill("From the frame");
  await frame.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  await frame.getByText("This is the only time").first().waitFor();
  const { items } = await owner.apiKeys.listApiKeys({ query: "From the frame" });
  expect(items[0]?.metadata).toMatchObject({ name: "From the frame", accountId: accountIdOf(owner) });
  const stored = await frame.evaluate(
    "JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie, location.href, history.length])",
  );
  expect(stored).not.toMatch(/_emb_/);
  expect(page.url()).not.toMatch(/_emb_/);
  expect(await page.context().cookies()).toEqual([]);
});

test("the frame offers no kind, environment or rotation of a key that the server would refuse", async () => {
  // A service key would work in every environment, and the platform key of the product has one.
  const spec = { environment: Environment.TEST };
  const { id } = await issueKey(owner, { metadata: { name: "Of tests" }, spec });
  const session = app.clientAs((await product.give()).token);
  expect(await outcome(session.apiKeys.rotateApiKey({ id }))).toBe("ENVIRONMENT_MISMATCH");
  expect(await outcome(issueKey(session, { spec }))).toBe("ENVIRONMENT_MISMATCH");
  await issueKey(owner, { metadata: { name: "Of production" } });
  const [, frame] = await openFrame();
  const actionsOf = async (name: string) => {
    await frame.getByRole("button", { name: `Actions for ${name}` }).click();
    const items = await frame.getByRole("menuitem").allTextContents();
    await frame.getByRole("menuitem", { name: "Show details" }).press("Escape");
    return items;
  };
  expect(await actionsOf("Of tests")).not.toContain("Rotate…");
  expect(await actionsOf("Of production")).toContain("Rotate…");
  await frame.getByRole("button", { name: "Create key" }).first().click();
  await frame.getByLabel("Name", { exact: true }).waitFor();
  const choices = frame.getByRole("dialog").getByRole("radio");
  for (const name of ["Test", "Live", /Service/, /All workspaces/])
    expect(await choices.and(frame.getByRole("radio", { name })).count(), String(name)).toBe(0);
});

test("a page of another origin cannot show the frame, and is not asked for a token", async () => {
  tabs.allow(/frame-ancestors|policy: |chrome-error|ERR_BLOCKED_BY_RESPONSE/);
  const page = await tabs.openBlank();
  await page.goto(stranger.origin, { waitUntil: "load" });
  await expect.poll(() => page.frames()[1]?.url()).toMatch(/^chrome-error/);
  expect(stranger.asked).toBe(0);
});

test("only the window with the frame can give a token, and one of another account leaves nothing of the first account", async () => {
  const other = await app.newAccount("Other account");
  const acting = await newActing(app, accountIdOf(other), ...keysPermissions);
  const { token } = await embed(app, acting, { permissions: ["api_keys:read"] });
  await issueKey(other, { metadata: { name: "Key of the other account" } });
  await issueKey(owner, { metadata: { name: "Key of the customer" } });
  const [page, frame] = await openFrame();
  await frame.getByText("Key of the customer").first().waitFor();
  // Another frame of the same page, from another origin, speaks to the frame of the keys.
  const message = JSON.stringify({ type: "latchkey:token", token });
  await page.evaluate(`new Promise((resolve) => {
    const one = document.createElement("iframe");
    one.srcdoc = \`<script>parent.frames[0].postMessage(${message}, "*"); parent.postMessage("sent", "*")</script>\`;
    one.sandbox = "allow-scripts";
    addEventListener("message", ({ data }) => data === "sent" && resolve());
    document.body.append(one);
  })`);
  // The frame itself is no parent either.
  await frame.evaluate(`postMessage(${message}, "*")`);
  await page.evaluate(post({ type: "latchkey:theme", theme: "dark" }));
  // Messages arrive in their order, so the earlier ones were ignored.
  await expect.poll(() => frame.evaluate("document.documentElement.dataset.theme")).toBe("dark");
  expect(await frame.getByText("Key of the customer").first().isVisible()).toBe(true);
  expect(await frame.getByText("Key of the other account").count()).toBe(0);
  // The frame loads again for another account, and then asks for a token.
  product.give = async () => ({ token });
  await page.evaluate(post({ type: "latchkey:token", token }));
  await frame.getByText("Key of the other account").first().waitFor();
  expect(await frame.getByText("Key of the customer").count()).toBe(0);
});

test("the frame refuses a token that does not belong to an embed session, and shows why the server refuses its token", async () => {
  const ended = await product.give();
  await app.clientAs("").tokens.revokeToken({ token: ended.token });
  const page = await tabs.openBlank();
  for (const token of [app.platformToken, owner.token, platformKey]) {
    product.give = async () => ({ token });
    const frame = await showFrame(page);
    await frame.getByText(/does not belong to an embed session/).waitFor();
    expect(await frame.getByRole("button", { name: "Create key" }).count()).toBe(0);
  }
  product.give = async () => ended;
  await (await showFrame(page)).getByText("The bearer was revoked.").waitFor();
});

test("a session that ends is renewed, and what the user typed stays", async () => {
  const first = await product.give();
  const renewed = product.give;
  product.give = async () => first;
  const [, frame] = await openFrame();
  await ready(frame);
  await frame.getByRole("button", { name: "Create key" }).first().click();
  await frame.getByLabel("Name", { exact: true }).fill("Typed before the end");
  await app.clientAs("").tokens.revokeToken({ token: first.token });
  product.give = renewed;
  await frame.getByRole("dialog").getByRole("button", { name: "Create key" }).click();
  await frame.getByText("This is the only time").first().waitFor();
  expect(product.asked).toBe(2);
  const { items } = await owner.apiKeys.listApiKeys({ query: "Typed before the end" });
  expect(items).toHaveLength(1);
});

const ends = [
  ["nothing", undefined],
  ["an end that is too late", "2099-01-01T00:00:00Z"],
] as const;

test.each(sampled(ends, 1))(
  "the frame asks for the next token one minute before the end, if the product says %s",
  async (_, end) => {
    const { give } = product;
    product.give = async () => ({ token: (await give()).token, ...(end && { expiresAt: end }) });
    // The clock of the computer is wrong, so only the server knows how much time is left.
    const page = await tabs.openBlank();
    await page.clock.install({ time: Date.now() - 86_400_000 });
    const frame = await showFrame(page);
    await ready(frame);
    expect(product.asked).toBe(1);
    await page.clock.fastForward("13:00");
    expect(product.asked).toBe(1);
    await page.clock.fastForward("01:10");
    await expect.poll(() => product.asked).toBe(2);
  },
);

test("a late refusal of an earlier token asks the product for no further one", async () => {
  const first = await product.give();
  const renewed = product.give;
  product.give = async () => first;
  const [, frame] = await openFrame();
  await ready(frame);
  product.give = renewed;
  await app.clientAs("").tokens.revokeToken({ token: first.token });
  const held = tabs.holdNext("ApiKeyService/ListApiKeys");
  await frame.getByLabel("Kind").selectOption("Application");
  await held.made;
  await frame.getByLabel("Labels").fill("env=prod");
  await frame.getByRole("heading", { name: "No key matches" }).waitFor();
  expect(product.asked).toBe(2);
  held.release();
  await frame.getByRole("button", { name: "Clear", exact: true }).click();
  await frame.getByLabel("Kind").selectOption("Application");
  await frame.getByText("No key matches").waitFor();
  expect(product.asked).toBe(2);
});

test("without a frame, the page asks for no token and says where it belongs", async () => {
  const page = await tabs.open("/embed");
  await page.getByText("only inside a page of the product").waitFor();
});
