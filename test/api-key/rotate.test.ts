import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { Environment } from "../../gen/latchkey/v1/api_key_pb.ts";
import { doneTo, inSeconds, rotate, storedKey, systemKeyOf, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("without a grace period, the old token stops working at once and the new one works", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const next = await rotate(owner, key.id);
  expect(next).not.toBe(key.token);
  expect(await verdictOf(app, key.token)).toBe("REVOKED");
  expect(await verdictOf(app, next)).toBe("VALID");
  expect(await refusal(app.clientAs(key.token).profiles.whoAmI({}))).toMatchObject({
    code: "Unauthenticated",
    reason: "REVOKED_API_KEY",
    metadata: { key_id: key.id, revoked_at: expect.stringContaining("T") },
  });
});

test("during the grace period both tokens work, and info shows which of them is in use", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const next = await rotate(owner, key.id, 3600);
  await app.clientAs(key.token).profiles.whoAmI({});
  await app.app.flush();
  const info = async () => (await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.info;
  const first = await info();
  expect(first?.tokens).toHaveLength(2);
  const [old, current] = first?.tokens ?? [];
  expect(old?.hint.slice(-4)).toBe(key.token.slice(-4));
  expect(current?.hint.slice(-4)).toBe(next.slice(-4));
  expect(Number(old?.endsAt?.seconds) * 1000 - Date.now()).toBeGreaterThan(3_500_000);
  expect(current?.endsAt).toBeUndefined();
  expect(old?.lastUsedAt).toBeDefined();
  expect(current?.lastUsedAt).toBeUndefined();
  expect(first?.lastUsedAt).toEqual(old?.lastUsedAt);
  expect(await verdictOf(app, next)).toBe("VALID");
  await app.app.flush();
  expect((await info())?.tokens.map((token) => token.lastUsedAt !== undefined)).toEqual([true, true]);
});

test("a later rotation with a shorter grace period ends earlier tokens sooner and never later", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const second = await rotate(owner, key.id, 60);
  await rotate(owner, key.id, 3600);
  const ends = (await storedKey(app, key.id)).tokens.map((token) => token.ends_at?.getTime());
  expect(ends[0]).toBeLessThan(Date.now() + 61_000);
  expect(ends[1]).toBeGreaterThan(Date.now() + 3_500_000);
  const last = await rotate(owner, key.id);
  for (const token of [key.token, second]) expect(await verdictOf(app, token)).toBe("REVOKED");
  expect(await verdictOf(app, last)).toBe("VALID");
});

test("a rotated key keeps its id, its end, its grants and all other fields", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, {
    metadata: { name: "kept", labels: { env: "prod" } },
    spec: { permissions: ["agents:read"], environment: Environment.TEST, expiresAt: inSeconds(3600) },
    initialWorkspaceIds: [workspaceId],
  });
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id: key.id });
  expect(apiKey?.metadata).toEqual(key.metadata);
  expect({ ...apiKey?.spec, token: "" }).toEqual({ ...key.spec, token: "" });
  expect(apiKey?.spec?.token).toMatch(/^lk_test_/);
  expect(await verdictOf(app, apiKey?.spec?.token ?? "", workspaceId)).toBe("VALID");
  expect(await doneTo(app, key.id)).toEqual(["CreateApiKey", "RotateApiKey"]);
});

test.each([
  ["negative", { seconds: -1n }],
  ["longer than 7 days", { seconds: 604_800n, nanos: 1 }],
])("a grace period that is %s is refused", async (_what, gracePeriod) => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const { code, violations } = await refusal(owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod }));
  expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field: "grace_period" });
  expect(await verdictOf(app, key.token)).toBe("VALID");
});

describe("a key that rotates itself", () => {
  const spec = { permissions: ["api_keys:write", "agents:read"] };

  test("needs a grace period of at least 60 s", async () => {
    const key = await issueKey(await app.newAccount(), { spec });
    const itself = app.clientAs(key.token);
    for (const gracePeriod of [{}, { seconds: 59n, nanos: 999_000_000 }]) {
      const { code, violations } = await refusal(itself.apiKeys.rotateApiKey({ id: key.id, gracePeriod }));
      expect({ code, field: violations[0]?.field }).toEqual({
        code: "InvalidArgument",
        field: "grace_period",
      });
    }
    expect((await storedKey(app, key.id)).tokens).toHaveLength(1);
    expect(await verdictOf(app, await rotate(itself, key.id, 60))).toBe("VALID");
    expect(await verdictOf(app, key.token)).toBe("VALID");
  });

  test("may have a workspace that was archived since", async () => {
    const owner = await app.newAccount();
    const [live, archived] = [await newWorkspace(owner), await newWorkspace(owner)];
    const key = await issueKey(owner, { spec, initialWorkspaceIds: [live, archived] });
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    const next = await rotate(app.clientAs(key.token), key.id, 60);
    expect(await verdictOf(app, next, live)).toBe("VALID");
    expect(await verdictOf(app, next, archived)).toBe("WORKSPACE_ARCHIVED");
  });

  test("may have an end", async () => {
    const key = await issueKey(await app.newAccount(), { spec: { ...spec, expiresAt: inSeconds(3600) } });
    const next = await rotate(app.clientAs(key.token), key.id, 60);
    expect(await verdictOf(app, next)).toBe("VALID");
    expect((await storedKey(app, key.id)).key.expires_at?.getTime()).toBe(
      Number(key.spec?.expiresAt?.seconds) * 1000,
    );
  });
});

test("a superseded token passes verification, but cannot mint, rotate or widen anything", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, { spec: { permissions: ["*"] }, initialWorkspaceIds: [workspaceId] });
  const [other, grown] = [await issueKey(owner), await issueKey(owner)];
  const next = await rotate(owner, key.id, 3600);
  expect(await verdictOf(app, key.token)).toBe("VALID");
  const old = app.clientAs(key.token);
  const before = [await storedKey(app, key.id), await storedKey(app, other.id)];
  for (const call of [
    () => old.apiKeys.createApiKey({ metadata: { name: "successor" } }),
    () => old.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 60n } }),
    () => old.apiKeys.rotateApiKey({ id: other.id }),
    () => old.apiKeys.updateApiKey({ id: other.id, spec: { permissions: ["agents:read"] } }),
    () => old.apiKeys.addApiKeyWorkspace({ id: other.id, workspaceId }),
    () => old.workspaceAdmin.addWorkspaceMember({ workspaceId, profileId: other.info?.profileId ?? "" }),
  ]) {
    expect(await refusal(call())).toMatchObject({ code: "PermissionDenied", reason: "PERMISSION_DENIED" });
  }
  expect([await storedKey(app, key.id), await storedKey(app, other.id)]).toEqual(before);
  expect((await owner.apiKeys.listApiKeys({ query: "successor" })).items).toEqual([]);
  await rotate(app.clientAs(next), grown.id);
});

test("concurrent rotations leave exactly one token without an end", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const tokens = await Promise.all(Array.from({ length: 8 }, () => rotate(owner, key.id, 60)));
  expect(new Set(tokens).size).toBe(8);
  const stored = (await storedKey(app, key.id)).tokens;
  expect(stored).toHaveLength(9);
  expect(stored.filter((token) => token.ends_at === null)).toHaveLength(1);
  for (const token of tokens) expect(await verdictOf(app, token)).toBe("VALID");
  expect((await doneTo(app, key.id)).filter((method) => method === "RotateApiKey")).toHaveLength(8);
  const last = await Promise.all(Array.from({ length: 4 }, () => rotate(owner, key.id)));
  const verdicts = await Promise.all([...tokens, ...last].map((token) => verdictOf(app, token)));
  expect(verdicts.filter((verdict) => verdict === "VALID")).toHaveLength(1);
});

test("a rotation without a grace period ends all overlapping tokens", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await sql`
    insert into api_key_token (account_id, api_key_id, hash, hint, ends_at)
    select account_id, api_key_id, sha256(n::text::bytea), 'x', clock_timestamp() + interval '1 day'
    from api_key_token, generate_series(1, 99) n where api_key_id = ${key.id}`.execute(app.db);
  const more = owner.apiKeys.rotateApiKey({ id: key.id, gracePeriod: { seconds: 60n } });
  expect(await refusal(more)).toMatchObject({
    code: "FailedPrecondition",
    reason: "BOUND_EXCEEDED",
    metadata: { bound: "tokens_per_key", limit: "100" },
  });
  expect(await verdictOf(app, await rotate(owner, key.id))).toBe("VALID");
  // One of the hundred ended tokens made room. It may be this one.
  expect(["INVALID", "REVOKED"]).toContain(await verdictOf(app, key.token));
  expect((await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.info?.tokens).toHaveLength(1);
});

test("a revoked or expired key cannot get a new token, and a disabled key stays disabled", async () => {
  const owner = await app.newAccount();
  const [revoked, expired, disabled] = [await issueKey(owner), await issueKey(owner), await issueKey(owner)];
  await owner.apiKeys.revokeApiKey({ id: revoked.id });
  await sql`update api_key set expires_at = clock_timestamp() where id = ${expired.id}`.execute(app.db);
  await owner.apiKeys.disableApiKey({ id: disabled.id });
  for (const { id } of [revoked, expired]) {
    const before = await storedKey(app, id);
    const call = owner.apiKeys.rotateApiKey({ id });
    expect(await refusal(call)).toMatchObject({ code: "FailedPrecondition", metadata: { key_id: id } });
    expect(await storedKey(app, id)).toEqual(before);
  }
  expect(await verdictOf(app, await rotate(owner, disabled.id))).toBe("DISABLED");
});

describe("a system key", () => {
  test("has no token until an owner's session rotates it, and can then rotate itself with a grace period", async () => {
    const owner = await app.newAccount();
    const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
    expect((await owner.apiKeys.getApiKey({ id })).apiKey?.info?.tokens).toEqual([]);
    const token = await rotate(owner, id);
    expect(token).toMatch(/^lk_svc_/);
    const itself = app.clientAs(token);
    const { principal } = await itself.profiles.whoAmI({});
    expect(principal).toMatchObject({ keyId: id, permissions: ["*"] });
    expect(await refusal(itself.apiKeys.rotateApiKey({ id }))).toMatchObject({ code: "InvalidArgument" });
    const next = await rotate(itself, id, 60);
    expect([await verdictOf(app, token), await verdictOf(app, next)]).toEqual(["VALID", "VALID"]);
    await rotate(owner, id);
    expect([await verdictOf(app, token), await verdictOf(app, next)]).toEqual(["REVOKED", "REVOKED"]);
  });

  test("cannot be rotated by a key with every permission or by an admin's session", async () => {
    const owner = await app.newAccount();
    const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
    const key = await issueKey(owner, { spec: { permissions: ["*"], workspaceScope: 2 } });
    const before = await storedKey(app, id);
    const byKey = app.clientAs(key.token).apiKeys.rotateApiKey({ id });
    expect(await refusal(byKey)).toMatchObject({ code: "FailedPrecondition", reason: "SYSTEM_KEY" });
    await sql`
      update membership m set role_id = r.id from role r
      where r.account_id = m.account_id and r.builtin = 'admin' and m.profile_id = ${owner.profile.metadata?.id}`.execute(
      app.db,
    );
    expect(await refusal(owner.apiKeys.rotateApiKey({ id }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "SYSTEM_KEY",
      metadata: { key_id: id },
    });
    expect(await storedKey(app, id)).toEqual(before);
  });
});
