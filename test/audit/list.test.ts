import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { newId } from "../../src/domain/kernel/id.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

async function list(owner: Owner, filter: object = {}) {
  const { items } = await owner.audit.listAuditEvents(filter);
  return items.map((event) => event.method.split("/")[1]);
}

test("events are filtered by resource, resource type, actor, key, method and time", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { permissions: ["workspaces:write"] } });
  const workspaceId = await newWorkspace(app.clientAs(key.token));
  await owner.apiKeys.disableApiKey({ id: key.id });
  expect(await list(owner)).toEqual(["DisableApiKey", "CreateWorkspace", "CreateApiKey", "SignUp"]);
  expect(await list(owner, { sortOrder: "asc", limit: 1 })).toEqual(["SignUp"]);
  expect(await list(owner, { resourceId: key.id })).toEqual(["DisableApiKey", "CreateApiKey"]);
  expect(await list(owner, { resourceId: workspaceId })).toEqual(["CreateWorkspace"]);
  expect(await list(owner, { resourceType: "api_key" })).toEqual(["DisableApiKey", "CreateApiKey"]);
  expect(await list(owner, { profileId: key.info?.profileId })).toEqual(["CreateWorkspace"]);
  expect(await list(owner, { keyId: key.id })).toEqual(["CreateWorkspace"]);
  expect(await list(owner, { method: "latchkey.v1.ApiKeyService/CreateApiKey" })).toEqual(["CreateApiKey"]);
  const mine = { profileId: owner.profile.metadata?.id, resourceType: "api_key", resourceId: key.id };
  expect(await list(owner, mine)).toEqual(["DisableApiKey", "CreateApiKey"]);
  expect(await list(owner, { ...mine, keyId: key.id })).toEqual([]);

  const { items } = await owner.audit.listAuditEvents({ resourceId: workspaceId });
  const at = items[0]?.createdAt;
  if (!at) throw new Error("an event without a time");
  const after = { ...at, nanos: at.nanos + 1_000_000 };
  expect(await list(owner, { startTime: at, endTime: after })).toEqual(["CreateWorkspace"]);
  expect(await list(owner, { startTime: after })).toEqual(["DisableApiKey"]);
  expect(await list(owner, { endTime: at })).toEqual(["CreateApiKey", "SignUp"]);
  const future = timestampFromDate(new Date(Date.now() + 3_600_000));
  expect(await list(owner, { startTime: future })).toEqual([]);
});

test("the pages have all events once and in order", async () => {
  const owner = await app.newAccount();
  for (let i = 0; i < 5; i++) await newWorkspace(owner);
  const all = (await owner.audit.listAuditEvents({})).items.map(({ id }) => id);
  expect(all).toHaveLength(6);
  expect(all).toEqual([...all].sort().reverse());
  const seen: string[] = [];
  let cursor = "";
  do {
    const { items, pagination } = await owner.audit.listAuditEvents({ limit: 4, cursor });
    seen.push(...items.map(({ id }) => id));
    cursor = pagination?.nextCursor ?? "";
  } while (cursor !== "");
  expect(seen).toEqual(all);
});

test("an account sees only its own events and needs audit:read", async () => {
  const [owner, stranger] = [await app.newAccount(), await app.newAccount()];
  const key = await issueKey(stranger, { spec: { permissions: ["*:read"] } });
  const { items } = await app.clientAs(key.token).audit.listAuditEvents({});
  expect(new Set(items.map(({ accountId }) => accountId))).toEqual(new Set([stranger.account.metadata?.id]));
  const without = await issueKey(owner, { spec: { permissions: ["agents:*"] } });
  expect(await refusal(app.clientAs(without.token).audit.listAuditEvents({}))).toMatchObject({
    code: "PermissionDenied",
    metadata: { permission: "audit:read" },
  });
});

test("refusals are one event per principal, method and minute, with a count", async () => {
  const owner = await app.newAccount();
  const [key, other] = [await issueKey(owner), await issueKey(owner)];
  // If a new minute begins in between, there are two events. The sum of the counts stays the same.
  for (let i = 0; i < 3; i++)
    await refusal(app.clientAs(key.token).apiKeys.revokeApiKey({ id: newId("key") }));
  await app.app.flush();
  for (let i = 0; i < 2; i++) await refusal(app.clientAs(key.token).apiKeys.revokeApiKey({ id: key.id }));
  await refusal(app.clientAs(key.token).apiKeys.listApiKeys({}));
  await refusal(app.clientAs(other.token).apiKeys.revokeApiKey({ id: key.id }));
  const { items } = await owner.audit.listAuditEvents({});
  const refused = items.filter((event) => event.outcome === AuditOutcome.REFUSED);
  const counts = new Map<string, number>();
  for (const event of refused) {
    expect(event).toMatchObject({ reason: "PERMISSION_DENIED", resourceId: "" });
    const name = `${event.keyId} ${event.method.split("/")[1]}`;
    counts.set(name, (counts.get(name) ?? 0) + event.count);
  }
  expect(Object.fromEntries(counts)).toEqual({
    [`${key.id} RevokeApiKey`]: 5,
    [`${key.id} ListApiKeys`]: 1,
    [`${other.id} RevokeApiKey`]: 1,
  });
  expect(refused.length).toBeLessThanOrEqual(6);
  expect(refused[0]?.profileId).toBe(other.info?.profileId);
});

test("a refusal inside an operation is recorded too, and a missing resource is not a refusal", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const key = await issueKey(owner, { spec: { permissions: ["api_keys:*"] } });
  const { apiKeys } = app.clientAs(key.token);
  await refusal(apiKeys.createApiKey({ metadata: { name: "x" }, initialWorkspaceIds: [workspaceId] }));
  await refusal(apiKeys.getApiKey({ id: newId("key") }));
  const { items } = await owner.audit.listAuditEvents({ keyId: key.id });
  expect(items).toMatchObject([
    {
      outcome: AuditOutcome.REFUSED,
      reason: "WORKSPACE_FORBIDDEN",
      method: "latchkey.v1.ApiKeyService/CreateApiKey",
    },
  ]);
});
