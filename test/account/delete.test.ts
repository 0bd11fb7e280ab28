import { beforeAll, describe, expect, test } from "vitest";
import { AccountState } from "../../gen/latchkey/v1/account_pb.ts";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { purgeOneAccount } from "../../src/domain/account/delete.ts";
import { identityId } from "../../src/verify/oidc/oidc.ts";
import { inviteOf, join } from "../support/actors/actors.ts";
import { rotate, systemKeyOf } from "../support/actors/api-key.ts";
import { newEmbedded } from "../support/actors/embed.ts";
import { issueKey, newWorkspace, type Owner, useApp } from "../support/app.ts";
import { type Row, rowsOf, tablesOf } from "../support/database/contents.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const platform = () => app.clientAs(app.platformToken).accounts;
const idOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const suspended = { code: "PermissionDenied", reason: "ACCOUNT_SUSPENDED" };
let people = 0;

/** Creates an account with a row in every table that can have rows of an account. */
async function newTenant(name: string) {
  const owner = await app.newAccount(name);
  const workspaceId = await newWorkspace(owner);
  const email = `purged${++people}@example.com`;
  const member = await join(app, owner, { email, role: "viewer", workspaceIds: [workspaceId] });
  await inviteOf(owner, { email: `invited${people}@example.com`, role: "viewer" });
  const { team } = await owner.teams.createTeam({ metadata: { name: "ci" }, spec: { roles: ["viewer"] } });
  await owner.teams.addTeamMember({ id: team?.metadata?.id, profileId: member.profileId });
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount({
    metadata: { name: "robot" },
    spec: { teamId: team?.metadata?.id },
  });
  const serviceAccountId = serviceAccount?.metadata?.id;
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id: await systemKeyOf(app, idOf(owner)) });
  const tokens = [
    owner.token,
    member.token,
    apiKey?.spec?.token ?? "",
    (await issueKey(owner, { requestId: "once", initialWorkspaceIds: [workspaceId] })).token,
    (await issueKey(owner, { spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } })).token,
    (await issueKey(owner, { spec: { kind: ApiKeyKind.DEVELOPER } })).token,
  ];
  await rotate(owner, (await issueKey(owner)).id, 60);
  await refusal(member.invites.createInvite({ email, role: "viewer" }));
  await app.db
    .insertInto("guest")
    .values({
      account_id: idOf(owner),
      identity_id: identityId("https://id.example.com", email),
      profile_id: member.profileId,
    })
    .execute();
  await useFromTwoNetworks(owner);
  const embedded = await newEmbedded(app, owner);
  const credits = [(await issueKey(owner)).id, idOf(owner)].map((id) => ({ id, remaining: 1 }));
  await app.db
    .insertInto("credit")
    .values(credits.map((one) => ({ ...one, account_id: idOf(owner) })))
    .execute();
  for (const token of tokens) await app.clientAs(token).profiles.whoAmI({});
  await app.app.flush();
  return { owner, member, tokens: [...tokens, embedded.token] };
}

/** Makes rows in every table of usage. */
async function useFromTwoNetworks(owner: Owner): Promise<void> {
  const key = await issueKey(owner, { spec: { permissions: ["tokens:verify"] } });
  const { tokens } = app.clientAs(key.token);
  for (const clientAddress of ["203.0.113.1", "198.51.100.1"]) {
    for (const token of [key.token, "garbage"]) await tokens.verifyToken({ token, clientAddress });
    await app.app.flush();
  }
}

const entitle = (owner: Owner, ...entitlements: string[]) =>
  platform().setEntitlements({ accountId: idOf(owner), entitlements });

describe("DeleteAccount", () => {
  test("ends every credential at once, purges the data after the waiting period, and can be undone by ResumeAccount", async () => {
    const { owner, tokens } = await newTenant("Undone");
    const { account } = await owner.accounts.deleteAccount({ name: " undone " });
    expect(account?.state).toBe(AccountState.DELETED);
    const days = (Number(account?.info?.deleteAt?.seconds) - Date.now() / 1000) / 86_400;
    expect(Math.round(days * 100) / 100).toBe(30);
    for (const token of tokens) {
      expect(await refusal(app.clientAs(token).profiles.whoAmI({}))).toMatchObject(suspended);
    }
    expect(await purgeOneAccount(app.db)).toBeUndefined();

    const resumed = await platform().resumeAccount({ accountId: idOf(owner) });
    expect(resumed.account?.state).toBe(AccountState.ACTIVE);
    expect(resumed.account?.info?.deleteAt).toBeUndefined();
    for (const token of tokens) await app.clientAs(token).profiles.whoAmI({});
    expect(await purgeOneAccount(app.db)).toBeUndefined();
  });

  test("needs an owner's session and the account's name: an admin, a key and a wrong name are refused", async () => {
    const owner = await app.newAccount("Kept");
    const admin = await join(app, owner, { email: "admin@example.com", role: "admin" });
    const spec = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
    const key = app.clientAs((await issueKey(owner, { spec })).token);
    for (const caller of [admin, key, app.clientAs(app.platformToken)]) {
      const refused = await refusal(caller.accounts.deleteAccount({ name: "Kept" }));
      expect(refused).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_DENIED" });
    }
    const wrong = await refusal(owner.accounts.deleteAccount({ name: "Kep" }));
    expect(wrong).toMatchObject({ code: "InvalidArgument", violations: [{ field: "name" }] });
    await owner.profiles.whoAmI({});
  });

  test.each([
    ["deletion_days=1", 1],
    ["deletion_days=0", 0],
    ["deletion_days=999999999999", 36_500],
  ])("the platform sets the waiting period: %s", async (entitlement, days) => {
    const owner = await app.newAccount("Waiting");
    await entitle(owner, entitlement);
    const { account } = await owner.accounts.deleteAccount({ name: "Waiting" });
    const waits = (Number(account?.info?.deleteAt?.seconds) - Date.now() / 1000) / 86_400;
    expect(waits).toBeCloseTo(days, 2);
    await platform().resumeAccount({ accountId: idOf(owner) });
  });
});

describe("the purge", () => {
  let before: Row[];
  let after: Row[];
  let purged: Awaited<ReturnType<typeof newTenant>>;
  let tables: Awaited<ReturnType<typeof tablesOf>>;
  const namesAccount = (rows: Row[]) => {
    const mine = rows.filter(({ text }) => text.includes(`"account_id": "${idOf(purged.owner)}"`));
    return new Set(mine.map(({ table }) => table));
  };
  // Returns every value in any row that is an id of the account or of its resources.
  function ownIds(): string[] {
    const rows = before
      .map(({ text }) => JSON.parse(text) as { id?: string | number; account_id?: string; hash?: string })
      .filter((row) => row.account_id === idOf(purged.owner));
    const tokenIds = rows.filter((row) => typeof row.id === "number").map((row) => `"token_id": ${row.id},`);
    const ids = rows.flatMap((row) => (typeof row.id === "string" ? [`"${row.id}"`] : []));
    return [`"${idOf(purged.owner)}"`, ...ids, ...tokenIds];
  }
  const isOwn = (ids: string[]) => (row: Row) => ids.some((id) => row.text.includes(id));

  beforeAll(async () => {
    await newTenant("Bystander");
    purged = await newTenant("Purged");
    await entitle(purged.owner, "deletion_days=0");
    await purged.owner.accounts.deleteAccount({ name: "Purged" });
    await app.app.flush();
    tables = await tablesOf(app.db);
    before = await rowsOf(app.db);
    expect(await purgeOneAccount(app.db)).toBe(idOf(purged.owner));
    after = await rowsOf(app.db);
    expect(await purgeOneAccount(app.db)).toBeUndefined();
  });

  test("is tested with rows in every table that can have rows of an account", () => {
    const ofAccounts = tables.filter((table) => table.ofAccounts).map(({ name }) => name);
    const help =
      "a new table: add it to `tables` in src/domain/account/delete.ts, and a row of it to `newTenant` in this test";
    expect([...namesAccount(before)].sort(), help).toEqual(ofAccounts);
    const mentions = new Set(before.filter(isOwn(ownIds())).map(({ table }) => table));
    for (const table of ["account", "api_key_token_use", "request"]) expect(mentions).toContain(table);
  });

  test("leaves no row that names the account or its resources", () => {
    expect(namesAccount(after)).toEqual(new Set());
    expect(after.filter(isOwn(ownIds()))).toEqual([]);
  });

  test("deletes and changes no row of another account", () => {
    const others = before.filter((row) => !isOwn(ownIds())(row));
    expect(after).toEqual(others);
  });

  test("leaves the users, who can still act elsewhere", async () => {
    const { items } = await purged.member.accounts.listAccounts({});
    expect(items).toEqual([]);
    await purged.member.accounts.createAccount({ metadata: { name: "Elsewhere" } });
    await app.clientAs(purged.member.token).profiles.whoAmI({});
  });
});

test("refusals in a purged account do not stop the recording of others", async () => {
  const [owner, other] = [await app.newAccount("Refused"), await app.newAccount()];
  await entitle(owner, "deletion_days=0");
  const keys = [await issueKey(owner), await issueKey(other)];
  const { token } = await issueKey(owner, { spec: { permissions: ["account:manage"] } });
  await app.app.flush();
  for (const key of keys) await refusal(app.clientAs(key.token).apiKeys.listApiKeys({}));
  await refusal(app.clientAs(token).accounts.deleteAccount({ name: "Refused" }));
  await owner.accounts.deleteAccount({ name: "Refused" });
  expect(await purgeOneAccount(app.db)).toBe(idOf(owner));
  const { items } = await other.audit.listAuditEvents({ keyId: keys[1]?.id });
  expect(items).toMatchObject([{ reason: "PERMISSION_DENIED" }]);
});
