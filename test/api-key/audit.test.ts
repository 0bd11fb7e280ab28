import { expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { AuditOutcome } from "../../gen/latchkey/v1/audit_event_pb.ts";
import { inSeconds, rotate } from "../support/actors/api-key.ts";
import { type Clients, issueKey, newWorkspace, type Owner, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

const app = useApp();
const service = "latchkey.v1.ApiKeyService";

async function eventsOf(owner: Owner, resourceId: string) {
  const { items } = await owner.audit.listAuditEvents({ resourceId, sortOrder: "asc", limit: 200 });
  return items.map(({ method, before, after }) => ({ method: method.split("/")[1], before, after }));
}

test("every change of a key writes one event with the changed fields before and after", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const expiresAt = inSeconds(3600);
  const { id } = await issueKey(owner, {
    metadata: { name: "audited", labels: { env: "prod" } },
    spec: { permissions: ["read", "agents:read"] },
  });
  await owner.apiKeys.updateApiKey({
    id,
    metadata: { name: "renamed" },
    spec: { permissions: ["write"], expiresAt, workspaceScope: WorkspaceScope.SELECTED },
  });
  const next = await rotate(owner, id, 60);
  await owner.apiKeys.disableApiKey({ id });
  await owner.apiKeys.enableApiKey({ id });
  await owner.apiKeys.addApiKeyWorkspace({ id, workspaceId });
  await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
  await owner.apiKeys.revokeApiKey({ id });
  expect(await eventsOf(owner, id)).toEqual([
    {
      method: "CreateApiKey",
      before: undefined,
      after: {
        name: "audited",
        description: "",
        external_id: "",
        labels: { env: "prod" },
        kind: "application",
        environment: "live",
        workspace_scope: "selected",
        permissions: ["*:read"],
        expires_at: null,
        rate_limits: [],
      },
    },
    {
      method: "UpdateApiKey",
      before: { name: "audited", permissions: ["*:read"], expires_at: null },
      after: {
        name: "renamed",
        permissions: ["*:write"],
        expires_at: new Date(Number(expiresAt.seconds) * 1000).toISOString(),
      },
    },
    {
      method: "RotateApiKey",
      before: undefined,
      after: { hint: `lk_live_${id.slice(4)}…${next.slice(-4)}`, grace_seconds: 60 },
    },
    { method: "DisableApiKey", before: { disabled: false }, after: { disabled: true } },
    { method: "EnableApiKey", before: { disabled: true }, after: { disabled: false } },
    { method: "AddApiKeyWorkspace", before: undefined, after: { workspace_id: workspaceId } },
    { method: "RemoveApiKeyWorkspace", before: { workspace_id: workspaceId }, after: undefined },
    { method: "RevokeApiKey", before: { revoked: false }, after: { revoked: true } },
  ]);
});

test("an event names the actor: the profile, and the key if a key acted", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const actor = await issueKey(owner, {
    spec: { permissions: ["api_keys:write"] },
    initialWorkspaceIds: [workspaceId],
  });
  const made = await issueKey(app.clientAs(actor.token), { initialWorkspaceIds: [workspaceId] });
  const { items } = await owner.audit.listAuditEvents({ keyId: actor.id });
  expect(items).toMatchObject([
    {
      method: `${service}/CreateApiKey`,
      outcome: AuditOutcome.DONE,
      profileId: actor.info?.profileId,
      keyId: actor.id,
      resourceType: "api_key",
      resourceId: made.id,
      requestId: expect.stringMatching(/./),
      count: 1,
    },
  ]);
  expect(items[0]?.after).toMatchObject({ workspace_ids: [workspaceId] });
  const [byOwner] = (await owner.audit.listAuditEvents({ resourceId: actor.id })).items;
  expect(byOwner).toMatchObject({ profileId: owner.profile.metadata?.id, keyId: "" });
});

test("a read writes no event, and a refused call writes no event of success", async () => {
  const owner = await app.newAccount();
  const { id } = await issueKey(owner);
  await owner.apiKeys.getApiKey({ id });
  await owner.apiKeys.listApiKeys({ includeInfo: true });
  await owner.apiKeys.listApiKeyWorkspaces({ id });
  const etag = "stale";
  for (const call of [
    () => owner.apiKeys.updateApiKey({ id, etag, metadata: { name: "b" } }),
    () => owner.apiKeys.updateApiKey({ id, metadata: { name: " " } }),
    () => owner.apiKeys.addApiKeyWorkspace({ id, workspaceId: "ws_01jd0000000000000000000000" }),
    () => owner.apiKeys.createApiKey({ metadata: { name: "" } }),
  ]) {
    await refusal(call());
  }
  await app.app.flush();
  const { items } = await owner.audit.listAuditEvents({ sortOrder: "asc" });
  expect(items.map(({ method }) => method.split("/")[1])).toEqual(["SignUp", "CreateApiKey"]);
});

test("no event contains a token, a secret or a hash", async () => {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const spec = { permissions: ["*"], workspaceScope: WorkspaceScope.ALL };
  const tokens = [owner.token];
  const key = await issueKey(owner, { spec });
  tokens.push(key.token, await rotate(owner, key.id, 3600));
  const itself = app.clientAs(tokens.at(-1) ?? "");
  const child = await issueKey(itself);
  tokens.push(child.token, await rotate(itself, key.id, 60), await rotate(owner, child.id));
  await refusal(app.clientAs(key.token).apiKeys.createApiKey({ metadata: { name: "superseded" } }));
  await owner.apiKeys.addApiKeyWorkspace({ id: child.id, workspaceId });
  await owner.tokens.revokeToken({ token: tokens.at(-1) ?? "" });
  await owner.apiKeys.revokeApiKey({ id: key.id });
  await app.app.flush();
  const events = await app.db.selectFrom("audit_event").selectAll().execute();
  const text = JSON.stringify(events);
  const hashes = await app.db.selectFrom("api_key_token").select("hash").execute();
  expect(new Set(tokens).size).toBe(6);
  expect(hashes.length).toBeGreaterThanOrEqual(5);
  for (const token of tokens) {
    // The event must not contain the secret, nor a long part of it.
    expect(text).not.toContain(token);
    expect(text).not.toContain(token.slice(-38, -6));
    expect(text).not.toContain(token.slice(-16));
  }
  for (const { hash } of hashes) {
    for (const encoding of ["hex", "base64", "base64url"] as const) {
      expect(text).not.toContain(hash.toString(encoding));
    }
    expect(text).not.toContain(JSON.stringify(hash));
  }
});

test("refusals are counted in one event per principal, method and minute, regardless of how often they are written", async () => {
  const owner = await app.newAccount();
  const keys = [await issueKey(owner), await issueKey(owner)];
  const calls: ((as: Clients) => Promise<unknown>)[] = [
    (as) => as.apiKeys.listApiKeys({}),
    (as) => as.apiKeys.getApiKey({ id: keys[0]?.id ?? "" }),
  ];
  const rounds = 12;
  for (let round = 0; round < rounds; round++) {
    for (const { token } of keys) for (const call of calls) await refusal(call(app.clientAs(token)));
    await app.app.flush();
  }
  for (const { id: keyId } of keys) {
    const { items } = await owner.audit.listAuditEvents({ keyId });
    for (const rpc of ["ListApiKeys", "GetApiKey"]) {
      const events = items.filter(({ method }) => method === `${service}/${rpc}`);
      expect(events.reduce((sum, { count }) => sum + count, 0)).toBe(rounds);
      // A new minute may begin during the test.
      expect(events.length).toBeLessThanOrEqual(2);
      for (const event of events) {
        expect(event).toMatchObject({ outcome: AuditOutcome.REFUSED, reason: "PERMISSION_DENIED", keyId });
      }
    }
  }
});
