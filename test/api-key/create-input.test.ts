import { describe, expect, test } from "vitest";
import type { ApiKeyKind, Environment, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { inSeconds, verdictOf } from "../support/actors/api-key.ts";
import { issueKey, newWorkspace, type Owner } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const unknown: number = 9;
const long = "x".repeat(64);

type Request = Parameters<Owner["apiKeys"]["createApiKey"]>[0];

test.each<[string, Request, string[]]>([
  ["no metadata", {}, ["metadata.name"]],
  ["an empty name", { metadata: { name: "" } }, ["metadata.name"]],
  ["a blank name", { metadata: { name: " \u00a0 " } }, ["metadata.name"]],
  ["a name of 129 characters", { metadata: { name: "x".repeat(129) } }, ["metadata.name"]],
  ["a name with NUL", { metadata: { name: "a\0b" } }, ["metadata.name"]],
  ["a name with a line break", { metadata: { name: "a\nb" } }, ["metadata.name"]],
  // The error does not repeat the value, because text of this length may be a token.
  [
    "a label key of 64",
    { metadata: { name: "a", labels: { [long]: "" } } },
    ['metadata.labels["(a long name)"]'],
  ],
  ["an empty label key", { metadata: { name: "a", labels: { "": "x" } } }, ['metadata.labels[""]']],
  [
    "a label key with a space",
    { metadata: { name: "a", labels: { "a b": "" } } },
    ['metadata.labels["a b"]'],
  ],
  [
    "a label key that ends in -",
    { metadata: { name: "a", labels: { "a-": "" } } },
    ['metadata.labels["a-"]'],
  ],
  ["a label value of 64", { metadata: { name: "a", labels: { env: long } } }, ['metadata.labels["env"]']],
  ["a label value with /", { metadata: { name: "a", labels: { env: "a/b" } } }, ['metadata.labels["env"]']],
  [
    "a label wrong in key and value",
    { metadata: { name: "a", labels: { "-": "-" } } },
    ['metadata.labels["-"]'],
  ],
  [
    "65 labels",
    {
      metadata: {
        name: "a",
        labels: Object.fromEntries(Array.from({ length: 65 }, (_, i) => [`l${i}`, ""])),
      },
    },
    ["metadata.labels"],
  ],
  ["an external id with a space", { metadata: { name: "a", externalId: "a b" } }, ["metadata.external_id"]],
  [
    "an external id of 129",
    { metadata: { name: "a", externalId: "x".repeat(129) } },
    ["metadata.external_id"],
  ],
  [
    "a description of 1,025",
    { metadata: { name: "a" }, spec: { description: "x".repeat(1025) } },
    ["spec.description"],
  ],
  ["a description with NUL", { metadata: { name: "a" }, spec: { description: "\0" } }, ["spec.description"]],
  [
    "invalid permissions",
    { metadata: { name: "a" }, spec: { permissions: ["agents:read", "Agents:read", "*:Start"] } },
    ["spec.permissions[1]", "spec.permissions[2]"],
  ],
  ["an empty permission", { metadata: { name: "a" }, spec: { permissions: [""] } }, ["spec.permissions[0]"]],
  [
    "a blank name and an invalid permission",
    { metadata: { name: " " }, spec: { permissions: ["x"] } },
    ["metadata.name", "spec.permissions[0]"],
  ],
  ["an unknown kind", { metadata: { name: "a" }, spec: { kind: unknown as ApiKeyKind } }, ["spec.kind"]],
  [
    "an unknown environment",
    { metadata: { name: "a" }, spec: { environment: unknown as Environment } },
    ["spec.environment"],
  ],
  [
    "an unknown scope",
    { metadata: { name: "a" }, spec: { workspaceScope: unknown as WorkspaceScope } },
    ["spec.workspace_scope"],
  ],
  [
    "an end in the past",
    { metadata: { name: "a" }, spec: { expiresAt: inSeconds(-1) } },
    ["spec.expires_at"],
  ],
  [
    "an end before 1970",
    { metadata: { name: "a" }, spec: { expiresAt: { seconds: -1n } } },
    ["spec.expires_at"],
  ],
  [
    "an end after the year 9999",
    { metadata: { name: "a" }, spec: { expiresAt: { seconds: 10n ** 15n } } },
    ["spec.expires_at"],
  ],
  [
    "a workspace twice",
    { metadata: { name: "a" }, initialWorkspaceIds: ["ws_1", "ws_1"] },
    ["initial_workspace_ids"],
  ],
  [
    "101 workspaces",
    { metadata: { name: "a" }, initialWorkspaceIds: Array.from({ length: 101 }, (_, i) => `ws_${i}`) },
    ["initial_workspace_ids"],
  ],
  ["a request_id of 65", { metadata: { name: "a" }, requestId: "x".repeat(65) }, ["request_id"]],
])("%s is refused, with one violation per field", async (_what, request, fields) => {
  const owner = await someone();
  const { code, violations } = await refusal(owner.apiKeys.createApiKey(request));
  expect(code).toBe("InvalidArgument");
  expect(violations.map(({ field }) => field)).toEqual(fields);
  for (const { description } of violations) expect(description).not.toBe("");
  expect((await owner.apiKeys.listApiKeys({})).items.filter((key) => !key.spec?.system)).toEqual([]);
});

test("input just within the limits is accepted", async () => {
  const owner = await app.newAccount();
  const name = "é".repeat(128);
  const labels = { [`${"a".repeat(63)}.example.com/${"k".repeat(63)}`]: "v".repeat(63), x: "" };
  const key = await issueKey(owner, {
    metadata: { name, labels, externalId: "x".repeat(128) },
    spec: { description: "é".repeat(1024), permissions: [`${"a".repeat(63)}:${"b".repeat(63)}`] },
    requestId: long,
  });
  expect(key.metadata).toMatchObject({ name, labels });
});

describe("initial_workspace_ids", () => {
  test("fail for another account exactly like missing ones, and create no key", async () => {
    const [owner, other] = [await app.newAccount(), await app.newAccount()];
    const [own, foreign] = [await newWorkspace(owner), await newWorkspace(other)];
    const ask = (id: string) =>
      refusal(owner.apiKeys.createApiKey({ metadata: { name: "a" }, initialWorkspaceIds: [own, id] }));
    const [there, missing] = [await ask(foreign), await ask("ws_01jd0000000000000000000000")];
    expect(there).toMatchObject({ code: "NotFound", reason: "NOT_FOUND" });
    expect({ ...there, headers: 0 }).toEqual({ ...missing, headers: 0 });
    expect(there.message).not.toContain(foreign);
    expect(
      (await owner.apiKeys.listApiKeys({ query: "a" })).items.filter((key) => !key.spec?.system),
    ).toEqual([]);
    expect((await owner.workspaceAdmin.listWorkspaceMembers({ workspaceId: own })).items).toEqual([]);
  });

  test("are refused if one is archived", async () => {
    const owner = await app.newAccount();
    const [archived] = [await newWorkspace(owner), await newWorkspace(owner)];
    await owner.workspaceAdmin.archiveWorkspace({ workspaceId: archived });
    const call = owner.apiKeys.createApiKey({ metadata: { name: "a" }, initialWorkspaceIds: [archived] });
    expect(await refusal(call)).toMatchObject({
      code: "PermissionDenied",
      reason: "WORKSPACE_ARCHIVED",
      metadata: { workspace_id: archived },
    });
  });

  test("can be entered at once, up to 100 of them", async () => {
    const owner = await app.newAccount();
    const ids = await Promise.all(Array.from({ length: 100 }, () => newWorkspace(owner)));
    const key = await issueKey(owner, { initialWorkspaceIds: ids });
    expect(key.info).toMatchObject({ workspacesTotal: 100 });
    expect(key.info?.workspacesPreview).toHaveLength(3);
    expect(await verdictOf(app, key.token, ids[99] ?? "")).toBe("VALID");
  });
});

test("a key stops working at its end", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner, { spec: { expiresAt: inSeconds(3600) } });
  await app.db
    .updateTable("api_key")
    .set({ expires_at: new Date(Date.now() - 1) })
    .where("id", "=", key.id)
    .execute();
  expect(await verdictOf(app, key.token)).toBe("EXPIRED");
  expect(await refusal(app.clientAs(key.token).profiles.whoAmI({}))).toMatchObject({
    reason: "EXPIRED_API_KEY",
    metadata: { key_id: key.id, expired_at: expect.stringContaining("T") },
  });
});

let shared: Promise<Owner> | undefined;
function someone(): Promise<Owner> {
  shared ??= app.newAccount();
  return shared;
}
