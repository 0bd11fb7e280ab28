import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import { ApiKeyState } from "../../gen/latchkey/v1/api_key_pb.ts";
import { newMember } from "../support/actors/actors.ts";
import { doneTo, rotate, storedKey, systemKeyOf, verdictOf } from "../support/actors/api-key.ts";
import { issueKey } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

test("a revoked key stops working at once and permanently, with all its tokens", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const next = await rotate(owner, key.id, 3600);
  const { apiKey } = await owner.apiKeys.revokeApiKey({ id: key.id });
  expect(apiKey).toMatchObject({ state: ApiKeyState.REVOKED, info: { tokens: [] } });
  expect(apiKey?.info?.revokedAt).toBeDefined();
  for (const token of [key.token, next]) {
    expect(await verdictOf(app, token)).toBe("REVOKED");
    expect(await refusal(app.clientAs(token).profiles.whoAmI({}))).toMatchObject({
      code: "Unauthenticated",
      reason: "REVOKED_API_KEY",
      metadata: { key_id: key.id, revoked_at: expect.stringContaining("T") },
    });
  }
  for (const call of [owner.apiKeys.enableApiKey, owner.apiKeys.disableApiKey]) {
    expect(await refusal(call({ id: key.id }))).toMatchObject({ code: "FailedPrecondition" });
  }
  expect(await verdictOf(app, next)).toBe("REVOKED");
});

test("a revoked key stays readable, with its state and its fields", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { metadata: { name: "gone" }, spec: { permissions: ["agents:read"] } });
  await owner.apiKeys.revokeApiKey({ id: key.id });
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  expect(apiKey).toMatchObject({
    metadata: { name: "gone" },
    spec: { permissions: ["agents:read"], token: "" },
    state: ApiKeyState.REVOKED,
  });
  expect((await owner.apiKeys.listApiKeyWorkspaces({ id: key.id })).items).toEqual([]);
});

test("a disabled key stops working at once, and works again as soon as it is enabled", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const { apiKey: disabled } = await owner.apiKeys.disableApiKey({ id: key.id });
  expect(disabled?.state).toBe(ApiKeyState.DISABLED);
  expect(disabled?.info?.disabledAt).toBeDefined();
  expect(await verdictOf(app, key.token)).toBe("DISABLED");
  expect(await refusal(app.clientAs(key.token).profiles.whoAmI({}))).toMatchObject({
    code: "Unauthenticated",
    reason: "DISABLED_API_KEY",
    metadata: { key_id: key.id },
  });
  const { apiKey: enabled } = await owner.apiKeys.enableApiKey({ id: key.id });
  expect(enabled?.state).toBe(ApiKeyState.ACTIVE);
  expect(enabled?.info?.disabledAt).toBeUndefined();
  expect(await verdictOf(app, key.token)).toBe("VALID");
});

describe("a repeated change of state", () => {
  test.each(["disableApiKey", "enableApiKey", "revokeApiKey"] as const)(
    "%s a second time changes nothing and writes no event",
    async (rpc) => {
      const owner = await app.newAccount();
      const { id } = await issueKey(owner);
      if (rpc === "enableApiKey") await owner.apiKeys.disableApiKey({ id });
      const { apiKey: first } = await owner.apiKeys[rpc]({ id });
      const [stored, events] = [await storedKey(app, id), await doneTo(app, id)];
      const { apiKey: second } = await owner.apiKeys[rpc]({ id });
      // Only `effectiveAt` may differ in the response to a repeat.
      for (const key of [first, second]) if (key?.info) delete key.info.effectiveAt;
      expect(second).toEqual(first);
      expect(await storedKey(app, id)).toEqual(stored);
      expect(await doneTo(app, id)).toEqual(events);
    },
  );

  test("writes one event if several calls run concurrently", async () => {
    const owner = await app.newAccount();
    const { id } = await issueKey(owner);
    await Promise.all(Array.from({ length: 6 }, () => owner.apiKeys.disableApiKey({ id })));
    await Promise.all(Array.from({ length: 6 }, () => owner.apiKeys.revokeApiKey({ id })));
    expect(await doneTo(app, id)).toEqual(["CreateApiKey", "DisableApiKey", "RevokeApiKey"]);
  });
});

test("a key may revoke itself", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["api_keys:manage"] } });
  await app.clientAs(key.token).apiKeys.revokeApiKey({ id: key.id });
  expect(await verdictOf(app, key.token)).toBe("REVOKED");
});

test("an expired key is shown as expired and may still be revoked", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  await sql`update api_key set expires_at = clock_timestamp() where id = ${key.id}`.execute(app.db);
  expect((await owner.apiKeys.getApiKey({ id: key.id })).apiKey?.state).toBe(ApiKeyState.EXPIRED);
  expect((await owner.apiKeys.revokeApiKey({ id: key.id })).apiKey?.state).toBe(ApiKeyState.REVOKED);
});

test("only an owner's session or the system key itself disables and enables a system key", async () => {
  const owner = await app.newAccount();
  const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  const itself = app.clientAs(await rotate(owner, id));
  const others = [
    app.clientAs((await issueKey(owner, { spec: { permissions: ["*"] } })).token),
    await newMember(app, owner, "admin"),
  ];
  const before = await storedKey(app, id);
  for (const { apiKeys } of others) {
    for (const call of [apiKeys.disableApiKey, apiKeys.enableApiKey]) {
      expect(await refusal(call({ id }))).toMatchObject({ reason: "SYSTEM_KEY", metadata: { key_id: id } });
    }
  }
  expect(await storedKey(app, id)).toEqual(before);
  await itself.apiKeys.disableApiKey({ id });
  expect(await refusal(itself.apiKeys.enableApiKey({ id }))).toMatchObject({ reason: "DISABLED_API_KEY" });
  for (const { apiKeys } of others) {
    expect(await refusal(apiKeys.enableApiKey({ id }))).toMatchObject({ reason: "SYSTEM_KEY" });
  }
  await owner.apiKeys.enableApiKey({ id });
  await itself.profiles.whoAmI({});
});

test("a system key cannot be revoked, but can be disabled", async () => {
  const owner = await app.newAccount();
  const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  const token = await rotate(owner, id);
  const before = await storedKey(app, id);
  for (const caller of [owner, app.clientAs(token)]) {
    expect(await refusal(caller.apiKeys.revokeApiKey({ id }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "SYSTEM_KEY",
      metadata: { key_id: id },
    });
  }
  expect(await storedKey(app, id)).toEqual(before);
  await owner.apiKeys.disableApiKey({ id });
  expect(await verdictOf(app, token)).toBe("DISABLED");
  await owner.apiKeys.enableApiKey({ id });
  expect(await verdictOf(app, token)).toBe("VALID");
});
