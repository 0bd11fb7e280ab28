import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyKind, Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newMember, newRole } from "../support/actors/actors.ts";
import { inSeconds } from "../support/actors/api-key.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { expectAccessible } from "../support/console/accessible.ts";
import { useConsole } from "../support/console/console.ts";
import { listedKeys, offeredFor, openKeys, rowOf } from "../support/console/keys.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const tabs = useConsole(app);
const day = 86_400;
const script = `<img src=x onerror="document.title='hacked'"><b>bold</b>`;

async function ownerWithKeys(): Promise<Owner> {
  const owner = await app.newAccount("Acme");
  await issueKey(owner, { metadata: { name: "Billing export", labels: { env: "prod" } } });
  await issueKey(owner, {
    metadata: { name: "Zapier" },
    spec: { environment: Environment.TEST, expiresAt: inSeconds(5 * day) },
  });
  await issueKey(owner, { metadata: { name: "Ada's laptop" }, spec: { kind: ApiKeyKind.DEVELOPER } });
  const disabled = await issueKey(owner, { metadata: { name: "Old app" } });
  await owner.apiKeys.disableApiKey({ id: disabled.id });
  await sql`update api_key set created_at = created_at - interval '90 days' where id = ${disabled.id}`.execute(
    app.db,
  );
  const revoked = await issueKey(owner, { metadata: { name: "Leaked" } });
  await owner.apiKeys.revokeApiKey({ id: revoked.id });
  return owner;
}

describe("the list of keys", () => {
  test("is narrowed by search, labels, kind, environment, state, end and disuse", async () => {
    const owner = await ownerWithKeys();
    const page = await openKeys(tabs, owner);
    await rowOf(page, "Zapier").waitFor();
    expect(await listedKeys(page)).toEqual(["Ada's laptop", "Billing export", "Old app", "Zapier"]);
    const only = (names: string[]) => expect.poll(() => listedKeys(page), { timeout: 10_000 }).toEqual(names);
    const clear = () => page.getByRole("button", { name: "Clear", exact: true }).click();
    await page.getByLabel("Search").fill("BILL");
    await only(["Billing export"]);
    await clear();
    await page.getByLabel("Labels").fill("env=prod");
    await only(["Billing export"]);
    await clear();
    await page.getByLabel("Kind").selectOption("Developer");
    await only(["Ada's laptop"]);
    await clear();
    await page.getByLabel("Environment").selectOption("Test");
    await only(["Zapier"]);
    await clear();
    for (const [state, names] of [
      ["Revoked", ["Leaked"]],
      ["Disabled", ["Old app"]],
    ] as const) {
      await page.getByLabel("State").selectOption(state);
      await only([...names]);
    }
    await clear();
    await page.getByRole("button", { name: "Expires soon" }).click();
    await only(["Zapier"]);
    await clear();
    await page.getByRole("button", { name: "Unused" }).click();
    await only(["Old app"]);
    await page.getByLabel("Search").fill("nothing has this name");
    await page.getByRole("heading", { name: "No key matches" }).waitFor();
    await page.getByRole("button", { name: "Clear the filters" }).click();
    await only(["Ada's laptop", "Billing export", "Old app", "Zapier"]);
  });

  test("of many keys has pages", async () => {
    const owner = await app.newAccount();
    for (let i = 0; i < 27; i++) await issueKey(owner, { metadata: { name: `key ${i}` } });
    const page = await openKeys(tabs, owner);
    await rowOf(page, "key 26").waitFor();
    await page.getByRole("button", { name: "Next" }).click();
    await rowOf(page, "key 0").waitFor();
    expect(await listedKeys(page)).toEqual(["key 0", "key 1"]);
    await page.getByRole("button", { name: "Previous" }).click();
    await rowOf(page, "key 26").waitFor();
  });

  test("has no serious violation of accessibility, and neither have the details of a key", async () => {
    const page = await openKeys(tabs, await ownerWithKeys());
    await rowOf(page, "Zapier").waitFor();
    await expectAccessible(page);
    await page.getByRole("button", { name: "Billing export", exact: true }).click();
    await page.getByRole("table", { name: "Live tokens" }).waitFor();
    await expectAccessible(page);
  });
});

describe("a token in the search box", () => {
  test("is recognised, is not sent, and leads to its key", async () => {
    const owner = await app.newAccount();
    const key = await issueKey(owner, { metadata: { name: "pasted" } });
    await issueKey(owner, { metadata: { name: "other" }, spec: { kind: ApiKeyKind.DEVELOPER } });
    const page = await openKeys(tabs, owner);
    await rowOf(page, "other").waitFor();
    const sent: string[] = [];
    page.on("request", (request) =>
      sent.push(request.url(), request.postDataBuffer()?.toString("latin1") ?? ""),
    );
    await page.getByLabel("Search").fill(key.token);
    await page.getByRole("alert").filter({ hasText: "This is a token." }).waitFor();
    await page.getByLabel("Kind").selectOption("Application");
    // The list has loaded again with everything that the fields contain.
    await rowOf(page, "other").waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Show its key" }).click();
    await page.getByRole("dialog").getByRole("heading", { name: "pasted" }).waitFor();
    expect(await page.getByLabel("Search").inputValue()).toBe("");
    expect(sent.length).toBeGreaterThan(0);
    expect(sent.filter((text) => text.includes(key.token.slice(-12)))).toEqual([]);
    expect(page.url()).toContain(`?key=${key.id}`);
  });
});

describe("what a user may not do is not offered:", () => {
  test("a viewer reads the keys, and manages only their own developer keys", async () => {
    const owner = await ownerWithKeys();
    const viewer = await newMember(app, owner, "viewer");
    await issueKey(viewer, { metadata: { name: "My own" }, spec: { kind: ApiKeyKind.DEVELOPER } });
    const page = await openKeys(tabs, viewer);
    await rowOf(page, "My own").waitFor();
    expect(await offeredFor(page, "Billing export")).toEqual(["Show details"]);
    expect(await offeredFor(page, "My own")).toEqual(["Show details", "Rotate…", "Revoke…"]);
    expect(await page.getByRole("button", { name: "More actions" }).count()).toBe(0);
    await page.getByRole("button", { name: "Create key" }).click();
    await page.getByLabel("Name", { exact: true }).waitFor();
    expect(await page.getByRole("radio", { name: "Application" }).count()).toBe(0);
    expect(await page.getByRole("group", { name: "Environment" }).count()).toBe(0);
  });

  test("a developer mints keys, and revokes none of others", async () => {
    const owner = await ownerWithKeys();
    await issueKey(owner, { metadata: { name: "Wide" }, spec: { permissions: ["*"] } });
    const page = await openKeys(tabs, await newMember(app, owner, "developer"));
    await rowOf(page, "Wide").waitFor();
    expect(await offeredFor(page, "Billing export")).toEqual(["Show details", "Edit…", "Rotate…"]);
    expect(await offeredFor(page, "Wide")).toEqual(["Show details", "Edit…"]);
    expect(await offeredFor(page, "Ada's laptop")).toEqual(["Show details", "Edit…"]);
    expect(await offeredFor(page, "system key")).toEqual(["Show details"]);
  });

  test("a member without a permission sees only their own developer keys", async () => {
    const owner = await ownerWithKeys();
    const member = await newMember(app, owner, await newRole(owner));
    const page = await openKeys(tabs, member);
    await page.getByRole("heading", { name: "You have no developer key yet" }).waitFor();
    await issueKey(member, { metadata: { name: "My own" }, spec: { kind: ApiKeyKind.DEVELOPER } });
    await page.reload();
    await rowOf(page, "My own").waitFor();
    expect(await listedKeys(page)).toEqual(["My own"]);
  });
});

test("script in a name, label or description is text", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, {
    metadata: { name: script, externalId: `"><script>alert(1)</script>` },
    spec: { description: script },
  });
  const page = await openKeys(tabs, owner);
  await rowOf(page, script).waitFor();
  await page.goto(`${tabs.url}/console/keys?key=${key.id}`);
  await page.getByRole("dialog").getByRole("heading", { name: script }).waitFor();
  await page.getByText(`"><script>alert(1)</script>`).waitFor();
  await page.getByRole("dialog").locator("p", { hasText: script }).waitFor();
  expect(await page.title()).toBe("API keys · Latchkey");
});
