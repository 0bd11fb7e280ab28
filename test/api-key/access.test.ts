import { beforeAll, describe, expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { storedKey } from "../support/actors/api-key.ts";
import { type Clients, issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

interface Ids {
  id: string;
  workspaceId: string;
}

type Call = (as: Clients["apiKeys"], ids: Ids) => Promise<unknown>;

// Every RPC of the service, and the permission that its rule names.
const calls: Record<string, [permission: string, call: Call]> = {
  createApiKey: ["api_keys:write", (as) => as.createApiKey({ metadata: { name: "a" } })],
  listApiKeys: ["api_keys:read", (as) => as.listApiKeys({})],
  getApiKey: ["api_keys:read", (as, { id }) => as.getApiKey({ id })],
  updateApiKey: ["api_keys:write", (as, { id }) => as.updateApiKey({ id, metadata: { name: "b" } })],
  revokeApiKey: ["api_keys:manage", (as, { id }) => as.revokeApiKey({ id })],
  revokeApiKeys: ["api_keys:manage", (as, { id }) => as.revokeApiKeys({ filter: { mintedByKeyId: id } })],
  rotateApiKey: ["api_keys:write", (as, { id }) => as.rotateApiKey({ id })],
  disableApiKey: ["api_keys:manage", (as, { id }) => as.disableApiKey({ id })],
  enableApiKey: ["api_keys:manage", (as, { id }) => as.enableApiKey({ id })],
  addApiKeyWorkspace: ["api_keys:write", (as, ids) => as.addApiKeyWorkspace(ids)],
  removeApiKeyWorkspace: ["api_keys:manage", (as, ids) => as.removeApiKeyWorkspace(ids)],
  listApiKeyWorkspaces: ["api_keys:read", (as, { id }) => as.listApiKeyWorkspaces({ id })],
};
const rpcs = Object.entries(calls).map(([name, [permission, call]]) => ({ name, permission, call }));
// The RPCs whose request has the id of a key.
const byId = rpcs.filter(({ name }) =>
  ApiKeyService.methods.some((one) => one.localName === name && one.input.field.id),
);
const missing = "key_01jd0000000000000000000000";
const below: Record<string, string> = { read: "start", write: "read", manage: "write" };

/** An account with a key in a workspace. */
interface Tenant {
  owner: Owner;
  ids: Ids;
}

async function newTenant(): Promise<Tenant> {
  const owner = await app.newAccount();
  const workspaceId = await newWorkspace(owner);
  const { id } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
  return { owner, ids: { id, workspaceId } };
}

// Every call but those that succeed leaves both keys as they are.
let tenant: Tenant;
let other: Tenant;
beforeAll(async () => {
  tenant = await newTenant();
  other = await newTenant();
});

test("the list has every RPC of the service", async () => {
  const help = "add the RPC to `calls` in test/api-key/access.test.ts";
  expect(Object.keys(app.clientAs("").apiKeys).sort(), help).toEqual(Object.keys(calls).sort());
});

describe.each(byId)("$name", ({ call }) => {
  test("shows a caller of another account exactly what a missing id shows", async () => {
    const { ids } = tenant;
    const { owner: stranger, ids: own } = other;
    const before = await storedKey(app, ids.id);
    const there = await refusal(call(stranger.apiKeys, ids));
    const gone = await refusal(call(stranger.apiKeys, { ...ids, id: missing }));
    expect(there).toMatchObject({ code: "NotFound", reason: "NOT_FOUND", metadata: {} });
    expect({ ...there, headers: [...there.headers] }).toEqual({ ...gone, headers: [...gone.headers] });
    expect(there.message).not.toContain(ids.id);
    // A workspace of the foreign account makes no difference.
    const mixed = await refusal(call(stranger.apiKeys, { id: ids.id, workspaceId: own.workspaceId }));
    expect({ ...mixed, headers: [...mixed.headers] }).toEqual({ ...gone, headers: [...gone.headers] });
    expect(await storedKey(app, ids.id)).toEqual(before);
  });

  test("refuses an id of the wrong form and names the field", async () => {
    const { owner, ids } = tenant;
    for (const id of ["", "x".repeat(65), "key 1", "key_\0"]) {
      const { code, violations } = await refusal(call(owner.apiKeys, { ...ids, id }));
      expect({ code, field: violations[0]?.field }).toEqual({ code: "InvalidArgument", field: "id" });
    }
  });
});

describe.each(rpcs)("$name", ({ call, permission }) => {
  test("is refused without its permission, before any lookup", async () => {
    const { owner, ids } = tenant;
    const verb = permission.slice("api_keys:".length);
    const permissions = ["*:write", "agents:*", "workspaces:*", `api_keys:${below[verb]}`];
    const lesser = await issueKey(owner, {
      spec: { permissions: verb === "read" ? permissions.filter((one) => one !== "*:write") : permissions },
      initialWorkspaceIds: [ids.workspaceId],
    });
    const before = await storedKey(app, ids.id);
    for (const id of [ids.id, missing]) {
      expect(await refusal(call(app.clientAs(lesser.token).apiKeys, { ...ids, id }))).toMatchObject({
        code: "PermissionDenied",
        reason: "PERMISSION_DENIED",
        metadata: { permission },
      });
    }
    expect(await storedKey(app, ids.id)).toEqual(before);
  });

  test("succeeds for a key with only its permission", async () => {
    const { owner, ids: shared } = tenant;
    const { workspaceId } = shared;
    const ids = { id: (await issueKey(owner, { initialWorkspaceIds: [workspaceId] })).id, workspaceId };
    const caller = await issueKey(owner, {
      spec: { permissions: [permission] },
      initialWorkspaceIds: [ids.workspaceId],
    });
    await call(app.clientAs(caller.token).apiKeys, ids);
  });

  test("is refused without a bearer", async () => {
    const { ids } = tenant;
    expect(await refusal(call(app.clientAs("").apiKeys, ids))).toMatchObject({
      code: "Unauthenticated",
      reason: "MISSING_API_KEY",
    });
  });

  test("is refused to a key of another account that names this account", async () => {
    const { owner, ids } = tenant;
    const key = await issueKey(other.owner, { spec: { permissions: ["*"] } });
    const accountId = owner.account.metadata?.id ?? "";
    for (const token of [key.token, other.owner.token]) {
      const stranger = app.clientAs(token, { "latchkey-account": accountId });
      expect(await refusal(call(stranger.apiKeys, ids))).toMatchObject({
        code: "PermissionDenied",
        reason: "ACCOUNT_MISMATCH",
        metadata: { account_id: accountId },
      });
    }
  });
});
