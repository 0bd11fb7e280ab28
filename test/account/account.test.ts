import { describe, expect, test } from "vitest";
import { ApiKeyKind, ApiKeyState, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const keyWith = async (owner: Owner, ...permissions: string[]) =>
  app.clientAs((await issueKey(owner, { spec: { permissions } })).token);
const denied = (permission: string) => ({ code: "PermissionDenied", metadata: { permission } });

describe("GetAccount", () => {
  test("shows the account and its system key", async () => {
    const owner = await app.newAccount("Engines");
    const { account } = await owner.accounts.getAccount({});
    expect(account).toMatchObject({
      metadata: { id: idOf(owner), accountId: idOf(owner), name: "Engines" },
      info: { entitlements: [] },
    });
    expect(account?.info?.globalApiKey).toMatchObject({
      metadata: { accountId: idOf(owner) },
      spec: {
        system: true,
        kind: ApiKeyKind.SERVICE,
        permissions: ["*"],
        workspaceScope: WorkspaceScope.ALL,
        token: "",
      },
      state: ApiKeyState.ACTIVE,
      info: { tokens: [] },
    });
  });

  test("needs account:read", async () => {
    const owner = await app.newAccount();
    for (const permission of ["account:read", "*:read"]) {
      await (await keyWith(owner, permission)).accounts.getAccount({});
    }
    const without = await keyWith(owner, "accounts:read", "*:manage", "api_keys:*");
    // `*:manage` also covers reading.
    await without.accounts.getAccount({});
    const integration = await keyWith(owner, "agents:*");
    expect(await refusal(integration.accounts.getAccount({}))).toMatchObject(denied("account:read"));
  });

  test("shows each account only itself", async () => {
    const [one, two] = [await app.newAccount("One"), await app.newAccount("Two")];
    expect((await one.accounts.getAccount({})).account?.metadata?.name).toBe("One");
    expect((await two.accounts.getAccount({})).account?.metadata?.name).toBe("Two");
  });
});

describe("UpdateAccount", () => {
  test("changes only the present fields", async () => {
    const owner = await app.newAccount("Before");
    const metadata = { name: " After ", labels: { env: "prod" }, externalId: "account-crm-1" };
    await owner.accounts.updateAccount({ metadata });
    const { account } = await owner.accounts.updateAccount({ spec: { description: "why" } });
    expect(account).toMatchObject({
      metadata: { ...metadata, name: "After" },
      spec: { description: "why" },
    });
    const { account: again } = await owner.accounts.updateAccount({ id: idOf(owner) });
    expect(again?.etag).toBe(account?.etag);
  });

  test("is refused if the account has changed since it was read", async () => {
    const owner = await app.newAccount();
    const { account } = await owner.accounts.getAccount({});
    const etag = account?.etag ?? "";
    await owner.accounts.updateAccount({ etag, metadata: { name: "First" } });
    const refused = await refusal(owner.accounts.updateAccount({ etag, metadata: { name: "Second" } }));
    expect(refused).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
    expect((await owner.accounts.getAccount({})).account?.metadata?.name).toBe("First");
  });

  test("succeeds for one of two concurrent calls with the same etag", async () => {
    const owner = await app.newAccount();
    const etag = (await owner.accounts.getAccount({})).account?.etag ?? "";
    const both = await Promise.allSettled(
      ["A", "B"].map((name) => owner.accounts.updateAccount({ etag, metadata: { name } })),
    );
    expect(both.map(({ status }) => status).sort()).toEqual(["fulfilled", "rejected"]);
  });

  test("cannot change what only the platform sets", async () => {
    const owner = await app.newAccount();
    for (const path of ["info.entitlements", "state", "metadata.id", "metadata.account_id"]) {
      const refused = await refusal(owner.accounts.updateAccount({ updateMask: { paths: [path] } }));
      expect(refused).toMatchObject({ code: "InvalidArgument", violations: [{ field: "update_mask" }] });
    }
    await owner.accounts.updateAccount({ metadata: { name: "x" }, updateMask: { paths: ["*"] } });
    expect((await owner.accounts.getAccount({})).account?.info?.entitlements).toEqual([]);
  });

  test("needs account:write, refuses a blank name, and finds no other account", async () => {
    const owner = await app.newAccount();
    const reader = await keyWith(owner, "account:read", "*:write");
    expect(await refusal(reader.accounts.updateAccount({}))).toMatchObject(denied("account:write"));
    const blank = await refusal(owner.accounts.updateAccount({ metadata: { name: "  " } }));
    expect(blank).toMatchObject({ code: "InvalidArgument", violations: [{ field: "metadata.name" }] });
    const other = await refusal(owner.accounts.updateAccount({ id: idOf(await app.newAccount()) }));
    expect(other).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
  });
});

describe("CreateAccount and ListAccounts", () => {
  test("a user creates a second account, owns it, and lists both", async () => {
    const owner = await app.newAccount("First");
    const made = await owner.accounts.createAccount({
      metadata: { name: "Second", labels: { env: "test" } },
      spec: { description: "for tests" },
    });
    expect(made.account).toMatchObject({ metadata: { name: "Second" }, spec: { description: "for tests" } });
    expect(made.profile?.spec).toMatchObject({ email: owner.email });
    const second = app.clientAs(owner.token, { "latchkey-account": made.account?.metadata?.id ?? "" });
    const key = await issueKey(second, { spec: { permissions: ["*"] } });
    expect(key.metadata?.accountId).toBe(made.account?.metadata?.id);
    const names = async (input: object) =>
      (await owner.accounts.listAccounts(input)).items.map((account) => account.metadata?.name);
    expect(await names({})).toEqual(["Second", "First"]);
    expect(await names({ sortOrder: "asc" })).toEqual(["First", "Second"]);
    expect(await names({ query: "SEC" })).toEqual(["Second"]);
    expect(await names({ labels: "env=test" })).toEqual(["Second"]);
    const page = await owner.accounts.listAccounts({ limit: 1 });
    expect(await names({ limit: 1, cursor: page.pagination?.nextCursor })).toEqual(["First"]);
  });

  test("a repeated request creates no second account", async () => {
    const owner = await app.newAccount();
    const request = { metadata: { name: "Once" }, requestId: "r-1" };
    const { account } = await owner.accounts.createAccount(request);
    expect(await refusal(owner.accounts.createAccount(request))).toMatchObject({
      code: "AlreadyExists",
      metadata: { id: account?.metadata?.id },
    });
    // Another user may use the same request id.
    await (await app.newAccount()).accounts.createAccount(request);
  });

  test("are for people: a key gets LOGIN_REQUIRED, and the list has no accounts of other users", async () => {
    const owner = await app.newAccount();
    const key = await keyWith(owner, "*");
    for (const call of [
      () => key.accounts.listAccounts({}),
      () => key.accounts.createAccount({ metadata: { name: "x" } }),
    ]) {
      expect(await refusal(call())).toMatchObject({ code: "Unauthenticated", reason: "LOGIN_REQUIRED" });
    }
    const stranger = await app.newAccount();
    const { items } = await stranger.accounts.listAccounts({});
    expect(items.map((account) => account.metadata?.id)).toEqual([idOf(stranger)]);
    const nameless = await refusal(owner.accounts.createAccount({}));
    expect(nameless).toMatchObject({ code: "InvalidArgument", violations: [{ field: "metadata.name" }] });
  });
});
