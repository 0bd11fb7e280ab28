import { beforeAll, describe, expect, test } from "vitest";
import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { type Member, newMember, newName, newServiceAccount, newTeam } from "../support/actors/actors.ts";
import {
  doneTo,
  inSeconds,
  revokedOf,
  rotate,
  storedKey,
  systemKeyOf,
  verdictOf,
} from "../support/actors/api-key.ts";
import { type Clients, issueKey, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const accountOf = (owner: Owner) => owner.account.metadata?.id ?? "";
const labelled = (by: Clients, labels: string) =>
  issueKey(by, {
    metadata: { name: labels, labels: Object.fromEntries(labels.split(",").map((one) => one.split("="))) },
  });
const minting = { permissions: ["api_keys:manage"], workspaceScope: WorkspaceScope.SELECTED };

describe("in an account with keys of all sorts", () => {
  let owner: Owner;
  let admin: Member;
  let ids: Record<string, string>;
  beforeAll(async () => {
    owner = await app.newAccount();
    admin = await newMember(app, owner, "admin");
    const serviceAccountId = (
      await newServiceAccount(owner, newName(), await newTeam(owner, newName(), "admin"))
    ).id;
    const leaked = await issueKey(admin, { spec: minting });
    const child = await issueKey(app.clientAs(leaked.token), { spec: minting });
    ids = {
      staging: (await labelled(owner, "env=staging")).id,
      both: (await labelled(owner, "env=staging,team=ai")).id,
      theirs: (await labelled(admin, "env=staging")).id,
      service: (await issueKey(owner, { spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } })).id,
      personal: (await issueKey(admin, { spec: { kind: ApiKeyKind.DEVELOPER } })).id,
      leaked: leaked.id,
      child: child.id,
      grandchild: (await labelled(app.clientAs(child.token), "env=prod")).id,
    };
  });
  const filters: [string, () => object, string[]][] = [
    ["a label", () => ({ labels: "env=staging" }), ["staging", "both", "theirs"]],
    ["several labels", () => ({ labels: "team=ai,env=staging" }), ["both"]],
    ["the creator", () => ({ createdBy: admin.profileId }), ["theirs", "personal", "leaked"]],
    ["the kind, without the system key", () => ({ kind: ApiKeyKind.SERVICE }), ["service"]],
    [
      "the keys that a key minted, and the keys that those minted",
      () => ({ mintedByKeyId: ids.leaked }),
      ["child", "grandchild"],
    ],
    ["a label and the creator", () => ({ labels: "env=staging", createdBy: admin.profileId }), ["theirs"]],
    ["a minter and a label", () => ({ mintedByKeyId: ids.leaked, labels: "env=prod" }), ["grandchild"]],
    ["a combination without matches", () => ({ labels: "env=staging", kind: ApiKeyKind.DEVELOPER }), []],
  ];

  test.each(filters)("the filter for %s matches exactly those keys", async (_name, filter, wanted) => {
    const before = await revokedOf(app, owner);
    const dry = await owner.apiKeys.revokeApiKeys({ filter: filter(), dryRun: true });
    expect(dry).toMatchObject({ revokedCount: 0, remainingCount: wanted.length });
    expect(await revokedOf(app, owner)).toEqual(before);
    const done = await owner.apiKeys.revokeApiKeys({ filter: filter() });
    expect(done).toMatchObject({ revokedCount: wanted.length, remainingCount: 0 });
    const dead = Object.fromEntries(wanted.map((name) => [ids[name], true]));
    expect(await revokedOf(app, owner)).toEqual({ ...before, ...dead });
    // The keys are needed again for the next filter.
    const revived = { revoked_at: null };
    await app.db.updateTable("api_key").set(revived).where("account_id", "=", accountOf(owner)).execute();
  });
});

test("all their tokens stop working at once, even of disabled keys and in grace periods, and a second call changes nothing", async () => {
  const owner = await app.newAccount();
  const keys = [await labelled(owner, "env=staging"), await labelled(owner, "env=staging")];
  const [one, two] = keys as [(typeof keys)[0], (typeof keys)[0]];
  const tokens = [one.token, two.token, await rotate(owner, one.id, 3600)];
  await owner.apiKeys.disableApiKey({ id: two.id });
  const filter = { labels: "env=staging" };
  await owner.apiKeys.revokeApiKeys({ filter });
  for (const token of tokens) expect(await verdictOf(app, token)).toBe("REVOKED");
  const before = [await storedKey(app, one.id), await storedKey(app, two.id)];
  expect(before.map(({ key }) => key.version)).toEqual([3, 3]);
  expect(await owner.apiKeys.revokeApiKeys({ filter })).toMatchObject({ revokedCount: 0, remainingCount: 0 });
  expect([await storedKey(app, one.id), await storedKey(app, two.id)]).toEqual(before);
});

test("every key gets one event, the same as with RevokeApiKey", async () => {
  const owner = await app.newAccount();
  const keys = [await labelled(owner, "env=staging"), await labelled(owner, "env=staging")];
  await owner.apiKeys.revokeApiKeys({ filter: { labels: "env=staging" } });
  for (const { id } of keys) {
    expect(await doneTo(app, id)).toEqual(["CreateApiKey", "RevokeApiKeys"]);
    const { items } = await owner.audit.listAuditEvents({ resourceId: id, limit: 1 });
    const profileId = owner.profile.metadata?.id;
    expect(items).toMatchObject([{ profileId, before: { revoked: false }, after: { revoked: true } }]);
  }
});

test("keys of another account stay, whatever their labels are", async () => {
  const [owner, other] = [await app.newAccount(), await app.newAccount()];
  const { id } = await labelled(other, "env=staging");
  const answer = await owner.apiKeys.revokeApiKeys({ filter: { labels: "env=staging" } });
  expect(answer).toMatchObject({ revokedCount: 0, remainingCount: 0 });
  expect((await revokedOf(app, other))[id]).toBe(false);
});

test("a revoked minter still leads to the keys that it minted, even through revoked successors", async () => {
  const owner = await app.newAccount();
  const leaked = await issueKey(owner, { spec: minting });
  const child = await issueKey(app.clientAs(leaked.token), { spec: minting });
  const grandchild = await issueKey(app.clientAs(child.token), { spec: { expiresAt: inSeconds(3600) } });
  for (const { id } of [leaked, child]) await owner.apiKeys.revokeApiKey({ id });
  const answer = await owner.apiKeys.revokeApiKeys({ filter: { mintedByKeyId: leaked.id } });
  expect(answer).toMatchObject({ revokedCount: 1, remainingCount: 0 });
  expect(await verdictOf(app, grandchild.token)).toBe("REVOKED");
});

test("the call never revokes the key that makes it, and never a system key", async () => {
  const owner = await app.newAccount();
  const serviceAccountId = (
    await newServiceAccount(owner, newName(), await newTeam(owner, newName(), "admin"))
  ).id;
  const metadata = { name: "cleaner", labels: { env: "staging" } };
  const systemId = await systemKeyOf(app, accountOf(owner));
  await app.db.updateTable("api_key").set({ labels: metadata.labels }).where("id", "=", systemId).execute();
  const callers = [
    await issueKey(owner, { metadata, spec: minting }),
    await issueKey(owner, { metadata, spec: { kind: ApiKeyKind.SERVICE, serviceAccountId } }),
  ];
  for (const { id, token } of callers.reverse()) {
    const filter = { labels: "env=staging" };
    const answer = await app.clientAs(token).apiKeys.revokeApiKeys({ filter });
    expect(answer).toMatchObject({ revokedCount: 1, remainingCount: 0 });
    expect(await revokedOf(app, owner)).toMatchObject({ [id]: false, [systemId]: false });
    for (const one of callers) {
      const revived = { revoked_at: null };
      await app.db.updateTable("api_key").set(revived).where("id", "=", one.id).execute();
    }
  }
});

describe("revoking many keys is refused", () => {
  test("without api_keys:manage, and changes nothing", async () => {
    const owner = await app.newAccount();
    await labelled(owner, "env=staging");
    const before = await revokedOf(app, owner);
    const writer = app.clientAs((await issueKey(owner, { spec: { permissions: ["api_keys:write"] } })).token);
    for (const by of [await newMember(app, owner, "developer"), writer]) {
      expect(await refusal(by.apiKeys.revokeApiKeys({ filter: { labels: "env=staging" } }))).toMatchObject({
        code: "PermissionDenied",
        metadata: { permission: "api_keys:manage" },
      });
    }
    expect(await revokedOf(app, owner)).toMatchObject(before);
  });

  test.each<[string, object]>([
    ["filter", {}],
    ["filter", { filter: {} }],
    [
      "filter",
      { filter: { kind: ApiKeyKind.UNSPECIFIED, labels: "", createdBy: "" }, limit: 5, dryRun: true },
    ],
    ["filter.labels", { filter: { labels: "env" } }],
    ["filter.labels", { filter: { labels: "env=a,env=b" } }],
    ["filter.labels", { filter: { labels: " " } }],
    ["filter.labels", { filter: { labels: "x".repeat(4097) } }],
    ["filter.kind", { filter: { kind: 9 } }],
    ["filter.created_by", { filter: { createdBy: "a b" } }],
    ["filter.minted_by_key_id", { filter: { mintedByKeyId: "x".repeat(65) } }],
    ["limit", { filter: { labels: "env=a" }, limit: -1 }],
  ])("naming %s in %o", async (field, request) => {
    const owner = await app.newAccount();
    const before = await revokedOf(app, owner);
    expect(await refusal(owner.apiKeys.revokeApiKeys(request))).toMatchObject({
      code: "InvalidArgument",
      violations: [{ field }],
    });
    expect(await revokedOf(app, owner)).toEqual(before);
  });

  test("for a key or profile that the account does not have", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const foreign = { mintedByKeyId: (await issueKey(other)).id };
    const filters = [
      foreign,
      { mintedByKeyId: newId("key") },
      { createdBy: newId("prof") },
      { createdBy: other.profile.metadata?.id },
    ];
    for (const filter of filters) {
      for (const dryRun of [true, false]) {
        const refused = await refusal(owner.apiKeys.revokeApiKeys({ filter, dryRun }));
        expect(refused).toMatchObject({ code: "NotFound", reason: "NOT_FOUND" });
      }
    }
  });
});
