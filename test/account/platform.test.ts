import { describe, expect, test } from "vitest";
import { AccountState } from "../../gen/latchkey/v1/account_pb.ts";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { newPlatformServiceKey } from "../support/actors/acting.ts";
import { systemKeyOf } from "../support/actors/api-key.ts";
import { type Clients, issueKey, newWorkspace, type Owner, password, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const platform = () => app.clientAs(app.platformToken);
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const denied = { code: "PermissionDenied", reason: "PERMISSION_DENIED" };

/** Every platform RPC, called with an account. */
const administer: Record<string, (caller: Clients, accountId: string) => Promise<unknown>> = {
  searchAccounts: ({ accounts }) => accounts.searchAccounts({}),
  openAccount: ({ accounts }) =>
    accounts.openAccount({ metadata: { name: "Opened" }, ownerEmail: "nobody@example.com" }),
  inviteFirstOwner: ({ accounts }, accountId) =>
    accounts.inviteFirstOwner({ accountId, email: "nobody@example.com" }),
  setEntitlements: ({ accounts }, accountId) => accounts.setEntitlements({ accountId, entitlements: ["x"] }),
  setRateLimits: ({ accounts }, accountId) =>
    accounts.setRateLimits({
      accountId,
      rateLimits: [{ name: "day", limit: 9, period: { seconds: 86_400n } }],
    }),
  suspendAccount: ({ accounts }, accountId) => accounts.suspendAccount({ accountId }),
  resumeAccount: ({ accounts }, accountId) => accounts.resumeAccount({ accountId }),
};
const names = Object.keys(administer);

describe("SearchAccounts", () => {
  test("finds accounts of the whole platform by name, id prefix and labels, page by page", async () => {
    const [one, two] = [await app.newAccount("Findable One"), await app.newAccount("Findable Two")];
    await two.accounts.updateAccount({ metadata: { name: "Findable Two", labels: { tier: "gold" } } });
    const { searchAccounts } = platform().accounts;
    const found = async (request: object) =>
      (await searchAccounts(request)).items.map((account) => account.metadata?.id);
    expect(await found({ query: "findable" })).toEqual([idOf(two), idOf(one)]);
    expect(await found({ prefix: idOf(one) })).toEqual([idOf(one)]);
    expect(await found({ query: "findable", labels: "tier=gold" })).toEqual([idOf(two)]);
    const first = await searchAccounts({ query: "findable", limit: 1 });
    const cursor = first.pagination?.nextCursor ?? "";
    expect(await found({ query: "findable", limit: 1, cursor })).toEqual([idOf(one)]);
  });

  test("returns no token and no key of the accounts", async () => {
    const owner = await app.newAccount();
    const { items } = await platform().accounts.searchAccounts({ prefix: idOf(owner) });
    expect(items[0]?.info?.globalApiKey).toBeUndefined();
  });
});

describe("OpenAccount", () => {
  test("opens an account whose owner is the person who accepts the invite", async () => {
    const { account, invite } = await platform().accounts.openAccount({
      metadata: { name: "Tenant", labels: { tier: "gold" }, externalId: "crm-7" },
      ownerEmail: "boss@example.com",
      entitlements: ["realtime", "max_api_keys=5"],
    });
    const accountId = account?.metadata?.id ?? "";
    expect(account).toMatchObject({
      metadata: { name: "Tenant", labels: { tier: "gold" }, externalId: "crm-7" },
      info: { entitlements: ["realtime", "max_api_keys=5"] },
    });
    const { token } = await app.clientAs("").invites.acceptInvite({
      id: invite?.metadata?.id ?? "",
      token: invite?.spec?.token ?? "",
      name: "Boss",
      password,
    });
    const boss = app.clientAs(token);
    const { principal } = await boss.profiles.whoAmI({});
    expect(principal).toMatchObject({
      accountId,
      permissions: ["*"],
      entitlements: ["realtime", "max_api_keys=5"],
    });
    // Only owners invite owners. The new account has a system key like every other one.
    await boss.invites.createInvite({ email: "second@example.com", role: "owner" });
    const { apiKey } = await boss.apiKeys.rotateApiKey({ id: await systemKeyOf(app, accountId) });
    await app.clientAs(apiKey?.spec?.token ?? "").accounts.getAccount({});
  });

  test("can be repeated", async () => {
    const request = { metadata: { name: "Once" }, ownerEmail: "once@example.com", requestId: "once" };
    const { account } = await platform().accounts.openAccount(request);
    expect(await refusal(platform().accounts.openAccount(request))).toMatchObject({
      code: "AlreadyExists",
      metadata: { id: account?.metadata?.id },
    });
    expect((await platform().accounts.searchAccounts({ query: "Once" })).items).toHaveLength(1);
  });
});

describe("the platform's RPCs need a key of the platform account with the permission", () => {
  test.each(names)(
    "%s rejects keys and sessions of other accounts, whatever their permissions are",
    async (name) => {
      const [owner, target] = [await app.newAccount(), await app.newAccount()];
      const spec = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
      const all = app.clientAs((await issueKey(owner, { spec })).token);
      const named = app.clientAs((await issueKey(owner, { spec: { permissions: ["accounts:*"] } })).token);
      const { apiKey } = await owner.apiKeys.rotateApiKey({ id: await systemKeyOf(app, idOf(owner)) });
      for (const caller of [owner, all, named, app.clientAs(apiKey?.spec?.token ?? "")]) {
        for (const accountId of [idOf(target), idOf(owner), newId("acct")]) {
          expect(await refusal(administer[name]?.(caller, accountId) ?? fail())).toMatchObject(denied);
        }
      }
      const { items } = await platform().accounts.searchAccounts({ prefix: idOf(target) });
      expect(items[0]).toMatchObject({ state: AccountState.ACTIVE, info: { entitlements: [] } });
    },
  );

  test.each(names)("%s rejects a key of the platform account without the permission", async (name) => {
    const target = await app.newAccount();
    const needed =
      { searchAccounts: "read", openAccount: "write", setEntitlements: "write" }[name] ?? "manage";
    // `*:read` also covers Latchkey's own resources. The wildcards of other verbs do not.
    const everything = needed === "read" ? "agents:*" : "*:manage";
    for (const permissions of [[], ["tokens:verify"], ["account:*", everything]]) {
      const { token } = await issueKey(platform(), { spec: { permissions } });
      const refused = await refusal(administer[name]?.(app.clientAs(token), idOf(target)) ?? fail());
      expect(refused).toMatchObject({ ...denied, metadata: { permission: `accounts:${needed}` } });
    }
    const { token } = await newPlatformServiceKey(app, [`accounts:${needed}`]);
    const unowned = await platform().accounts.openAccount({ metadata: { name: "Unowned" } });
    await administer[name]?.(app.clientAs(token), unowned.account?.metadata?.id ?? "");
  });

  test("a missing account is not found", async () => {
    for (const name of ["setEntitlements", "setRateLimits", "suspendAccount", "resumeAccount"]) {
      const refused = await refusal(administer[name]?.(platform(), newId("acct")) ?? fail());
      expect(refused).toMatchObject({ code: "NotFound", metadata: {} });
    }
  });
});

test("the platform's changes in an account are recorded there, under its system profile and with the key", async () => {
  const owner = await app.newAccount();
  const key = await newPlatformServiceKey(app, ["accounts:*"]);
  const { accounts } = app.clientAs(key.token);
  const accountId = idOf(owner);
  await accounts.setEntitlements({ accountId, entitlements: ["realtime"] });
  await accounts.setEntitlements({ accountId, entitlements: ["realtime"] });
  await accounts.suspendAccount({ accountId });
  await accounts.suspendAccount({ accountId });
  await accounts.resumeAccount({ accountId });
  await accounts.resumeAccount({ accountId });
  const system = await app.db
    .selectFrom("profile")
    .select("id")
    .where("account_id", "=", accountId)
    .where("type", "=", "system")
    .executeTakeFirstOrThrow();
  const { items } = await owner.audit.listAuditEvents({ keyId: key.id, sortOrder: "asc" });
  expect(items.map(({ method }) => method.split("/")[1])).toEqual([
    "SetEntitlements",
    "SuspendAccount",
    "ResumeAccount",
  ]);
  for (const event of items) {
    expect(event).toMatchObject({ profileId: system.id, via: "platform", resourceId: accountId });
  }
  expect(items[0]).toMatchObject({ before: { entitlements: [] }, after: { entitlements: ["realtime"] } });

  const opened = await accounts.openAccount({ metadata: { name: "New" }, ownerEmail: "new@example.com" });
  const events = await app.db
    .selectFrom("audit_event")
    .selectAll()
    .where("account_id", "=", opened.account?.metadata?.id ?? "")
    .execute();
  expect(events.map((event) => event.resource_type).sort()).toEqual(["account", "invite"]);
  for (const event of events) expect(event).toMatchObject({ via: "platform", key_id: key.id });
  const own = await platform().audit.listAuditEvents({ keyId: key.id });
  expect(own.items).toEqual([]);
});

test("the platform sets the rate limits of an account, and the account reads them", async () => {
  const owner = await app.newAccount();
  const accountId = idOf(owner);
  const rateLimits = [{ name: "minute", limit: 100, period: { seconds: 60n }, cost: 5 }];
  const { account } = await platform().accounts.setRateLimits({ accountId, rateLimits });
  expect(account?.info?.rateLimits).toMatchObject(rateLimits);
  expect((await owner.accounts.getAccount({})).account?.info?.rateLimits).toMatchObject(rateLimits);
  await platform().accounts.setRateLimits({ accountId, rateLimits });
  const { items } = await owner.audit.listAuditEvents({ resourceId: accountId, resourceType: "account" });
  expect(items.filter(({ method }) => method.endsWith("/SetRateLimits"))).toMatchObject([
    {
      before: { rate_limits: [] },
      after: { rate_limits: [{ name: "minute", limit: 100 }] },
      via: "platform",
    },
  ]);
  const twice = { accountId, rateLimits: [...rateLimits, { ...rateLimits[0], cost: 101 }] };
  const { violations } = await refusal(platform().accounts.setRateLimits(twice));
  expect(violations.map(({ field }) => field)).toEqual(["rate_limits[1].name", "rate_limits[1].cost"]);
  const removed = await platform().accounts.setRateLimits({ accountId });
  expect(removed.account?.info?.rateLimits).toEqual([]);
});

test("a tenant can read its entitlements but cannot set them", async () => {
  const owner = await app.newAccount();
  await newWorkspace(owner);
  await platform().accounts.setEntitlements({ accountId: idOf(owner), entitlements: ["realtime"] });
  expect((await owner.accounts.getAccount({})).account?.info?.entitlements).toEqual(["realtime"]);
  const { account } = await owner.accounts.updateAccount({ metadata: { name: "Renamed" } });
  expect(account?.info?.entitlements).toEqual(["realtime"]);
});

function fail(): never {
  throw new Error("no such RPC");
}
