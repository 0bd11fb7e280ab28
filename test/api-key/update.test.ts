import type { MessageInitShape } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import type { UpdateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { doneTo, inSeconds, storedKey, systemKeyOf, verdictOf } from "../support/actors/api-key.ts";
import { type Clients, issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();

type Request = Parameters<Clients["apiKeys"]["updateApiKey"]>[0];

const made = {
  metadata: { name: "before", labels: { team: "ai", env: "prod" } },
  spec: { description: "old", permissions: ["agents:read"] },
};

async function update(owner: Clients, request: Request) {
  const { apiKey } = await owner.apiKeys.updateApiKey(request);
  if (!apiKey?.metadata || !apiKey.spec) throw new Error("UpdateApiKey answered without a key");
  const { metadata, spec, etag } = apiKey;
  return { ...apiKey, metadata, spec, etag };
}

test("without a mask, the present fields change and the others stay", async () => {
  const { owner, key } = await keyOf(made);
  const { metadata, spec, etag } = await update(owner, {
    id: key.id,
    metadata: { name: " after " },
    spec: { permissions: ["write", "agents:read"] },
  });
  expect(metadata).toMatchObject({
    name: "after",
    labels: made.metadata.labels,
    externalId: key.metadata?.externalId,
  });
  expect(spec).toMatchObject({ description: "old", permissions: ["*:write"], token: "" });
  expect(etag).not.toBe(key.etag);
  expect((await owner.apiKeys.getApiKey({ id: key.id })).apiKey).toMatchObject({ metadata, spec, etag });
  const { profile } = await app.clientAs(key.token).profiles.whoAmI({});
  expect(profile?.spec?.name).toBe("after");
});

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("a mask", () => {
  test("of one field changes no other field, even if others are present", async () => {
    const { owner, key } = await keyOf(made);
    const { metadata, spec } = await update(owner, {
      id: key.id,
      metadata: { name: "after", externalId: "other" },
      spec: { description: "new" },
      updateMask: { paths: ["metadata.name"] },
    });
    expect(metadata).toMatchObject({ name: "after", externalId: key.metadata?.externalId });
    expect(spec.description).toBe("old");
  });

  test("of a parent changes all fields below it and clears the absent ones", async () => {
    const expiresAt = inSeconds(3600);
    const { owner, key } = await keyOf({ ...made, spec: { ...made.spec, expiresAt } });
    const { metadata, spec } = await update(owner, {
      id: key.id,
      spec: { description: "new" },
      updateMask: { paths: ["spec"] },
    });
    expect(metadata).toMatchObject({ name: "before", externalId: key.metadata?.externalId });
    expect(spec).toMatchObject({ description: "new", permissions: [], environment: Environment.LIVE });
    expect(spec.expiresAt).toBeUndefined();
    expect(await verdictOf(app, key.token)).toBe("VALID");
  });

  test("of * changes every mutable field", async () => {
    const { owner, key } = await keyOf(made);
    const { metadata, spec } = await update(owner, {
      id: key.id,
      metadata: { name: "after" },
      updateMask: { paths: ["*"] },
    });
    expect(metadata).toMatchObject({ id: key.id, name: "after", labels: {}, externalId: "" });
    expect(spec).toMatchObject({ description: "", permissions: [], environment: Environment.LIVE });
  });

  test.each([["spec.expires_at"], ["spec.permissions"], ["metadata.labels"], ["spec.description"]])(
    "of %s clears the field if it is absent",
    async (path) => {
      const { owner, key } = await keyOf({ ...made, spec: { ...made.spec, expiresAt: inSeconds(3600) } });
      const { metadata, spec } = await update(owner, { id: key.id, updateMask: { paths: [path] } });
      expect({
        "spec.expires_at": spec.expiresAt === undefined,
        "spec.permissions": spec.permissions.length === 0,
        "metadata.labels": Object.keys(metadata.labels).length === 0,
        "spec.description": spec.description === "",
      }).toEqual({
        "spec.expires_at": path === "spec.expires_at",
        "spec.permissions": path === "spec.permissions",
        "metadata.labels": path === "metadata.labels",
        "spec.description": path === "spec.description",
      });
    },
  );

  test.each([
    "spec.kind",
    "spec.environment",
    "spec.token",
    "metadata.id",
    "metadata.created_at",
    "etag",
    "nothing",
  ])("of %s is refused, and nothing changes", async (path) => {
    const { owner, key } = await keyOf(made);
    const before = await storedKey(app, key.id);
    const paths = ["metadata.name", path];
    const call = owner.apiKeys.updateApiKey({ id: key.id, metadata: { name: "b" }, updateMask: { paths } });
    const { code, violations } = await refusal(call);
    expect({ code, fields: violations.map(({ field }) => field) }).toEqual({
      code: "InvalidArgument",
      fields: ["update_mask"],
    });
    expect(await storedKey(app, key.id)).toEqual(before);
  });
});

test.each<[string, MessageInitShape<typeof UpdateApiKeyRequestSchema>, string[]]>([
  ["a blank name", { metadata: { name: "  " } }, ["metadata.name"]],
  ["a cleared name", { updateMask: { paths: ["metadata.name"] } }, ["metadata.name"]],
  ["a bad label", { metadata: { labels: { "a b": "" } } }, ['metadata.labels["a b"]']],
  ["a bad permission", { spec: { permissions: ["nothing"] } }, ["spec.permissions[0]"]],
  [
    "two wrong fields",
    { metadata: { name: " " }, spec: { permissions: ["x"] } },
    ["metadata.name", "spec.permissions[0]"],
  ],
  ["an end in the past", { spec: { expiresAt: inSeconds(-1) } }, ["spec.expires_at"]],
  ["another environment", { spec: { environment: Environment.TEST } }, ["spec.environment"]],
  ["another kind", { spec: { kind: 2 } }, ["spec.kind"]],
])("%s is refused, and nothing changes", async (_what, request, fields) => {
  const { owner, key } = await keyOf(made);
  const before = await storedKey(app, key.id);
  const { code, violations } = await refusal(owner.apiKeys.updateApiKey({ ...request, id: key.id }));
  expect({ code, fields: violations.map(({ field }) => field) }).toEqual({ code: "InvalidArgument", fields });
  expect(await storedKey(app, key.id)).toEqual(before);
});

test("an update without a difference writes no event and keeps the etag", async () => {
  const { owner, key } = await keyOf(made);
  // This is another order than the stored one.
  const labels = { team: "ai", env: "prod" };
  const { apiKey } = await owner.apiKeys.getApiKey({ id: key.id });
  for (const request of [{}, { metadata: { labels } }, { metadata: apiKey?.metadata, spec: apiKey?.spec }]) {
    expect((await update(owner, { id: key.id, ...request })).etag).toBe(key.etag);
  }
  expect(await doneTo(app, key.id)).toEqual(["CreateApiKey"]);
});

describe("an etag", () => {
  test("that is current is accepted, and changes with every update", async () => {
    const { owner, key } = await keyOf(made);
    const workspaceId = await newWorkspace(owner);
    const { id } = key;
    const etags = [
      key.etag,
      (await update(owner, { id, etag: key.etag, metadata: { name: "after" } })).etag,
      (await owner.apiKeys.rotateApiKey({ id })).apiKey?.etag,
      (await owner.apiKeys.disableApiKey({ id })).apiKey?.etag,
      (await owner.apiKeys.enableApiKey({ id })).apiKey?.etag,
      (await owner.apiKeys.addApiKeyWorkspace({ id, workspaceId })).apiKey?.etag,
      (await owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId })).apiKey?.etag,
    ];
    expect(new Set(etags).size).toBe(etags.length);
  });

  test("that is stale is refused, and nothing changes", async () => {
    const { owner, key } = await keyOf(made);
    const { id, etag } = key;
    await update(owner, { id, metadata: { name: "first" } });
    const before = await storedKey(app, id);
    const call = owner.apiKeys.updateApiKey({ id, etag, metadata: { name: "second" } });
    expect(await refusal(call)).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
    expect(await storedKey(app, id)).toEqual(before);
  });

  test("lets exactly one of many concurrent updates succeed", async () => {
    const { owner, key } = await keyOf(made);
    const { id, etag } = key;
    const names = Array.from({ length: 6 }, (_, index) => `name ${index}`);
    const calls = names.map((name) => owner.apiKeys.updateApiKey({ id, etag, metadata: { name } }));
    const won = (await Promise.allSettled(calls)).map(({ status }) => status === "fulfilled");
    expect(won.filter(Boolean)).toHaveLength(1);
    for (const call of calls.filter((_, index) => !won[index])) {
      expect(await refusal(call)).toMatchObject({ code: "Aborted", reason: "ETAG_MISMATCH" });
    }
    expect((await storedKey(app, id)).key.name).toBe(names[won.indexOf(true)]);
    expect(await doneTo(app, id)).toEqual(["CreateApiKey", "UpdateApiKey"]);
  });
});

test("the spec of a system key cannot change, but its name can", async () => {
  const owner = await app.newAccount();
  const id = await systemKeyOf(app, owner.account.metadata?.id ?? "");
  const before = await storedKey(app, id);
  for (const spec of [
    { permissions: ["agents:read"] },
    { expiresAt: inSeconds(3600) },
    { workspaceScope: WorkspaceScope.SELECTED },
    { description: "ours" },
  ]) {
    expect(await refusal(owner.apiKeys.updateApiKey({ id, spec }))).toMatchObject({
      code: "FailedPrecondition",
      reason: "SYSTEM_KEY",
      metadata: { key_id: id },
    });
  }
  const cleared = owner.apiKeys.updateApiKey({ id, updateMask: { paths: ["spec.permissions"] } });
  expect(await refusal(cleared)).toMatchObject({ reason: "SYSTEM_KEY" });
  expect(await storedKey(app, id)).toEqual(before);
  const { metadata, spec } = await update(owner, { id, metadata: { name: "root", labels: { a: "b" } } });
  expect(metadata).toMatchObject({ name: "root", labels: { a: "b" } });
  expect(spec).toMatchObject({ permissions: ["*"], system: true });
});

test("a revoked key cannot be updated", async () => {
  const { owner, key } = await keyOf(made);
  await owner.apiKeys.revokeApiKey({ id: key.id });
  const before = await storedKey(app, key.id);
  const call = owner.apiKeys.updateApiKey({ id: key.id, metadata: { name: "after" } });
  expect(await refusal(call)).toMatchObject({ code: "FailedPrecondition", metadata: { key_id: key.id } });
  expect(await storedKey(app, key.id)).toEqual(before);
});

// Every key has an external id of its own.
async function keyOf({ metadata, ...request }: NonNullable<Parameters<typeof issueKey>[1]>) {
  shared ??= app.newAccount();
  const owner = await shared;
  const externalId = crypto.randomUUID();
  return { owner, key: await issueKey(owner, { ...request, metadata: { ...metadata, externalId } }) };
}
let shared: Promise<Owner> | undefined;
