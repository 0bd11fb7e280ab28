import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { FieldMaskSchema } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { UpdateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { DomainError } from "../../src/domain/kernel/error.ts";
import { jsonViolations } from "../../src/rpc/middleware/json-violations.ts";
import { changedFields } from "../../src/rpc/update-mask.ts";

const changeable = [
  "metadata.name",
  "metadata.labels",
  "spec.description",
  "spec.permissions",
  "spec.workspace_scope",
  "spec.expires_at",
] as const;

function changed(request: MessageInitShape<typeof UpdateApiKeyRequestSchema>, paths?: string[]): string[] {
  const message = create(UpdateApiKeyRequestSchema, request);
  const changes = changedFields(
    UpdateApiKeyRequestSchema,
    message,
    paths && create(FieldMaskSchema, { paths }),
    changeable,
  );
  return changeable.filter(changes);
}

const full = {
  metadata: { name: "a", labels: { env: "prod" } },
  spec: {
    description: "b",
    permissions: ["agents:read"],
    workspaceScope: WorkspaceScope.ALL,
    expiresAt: { seconds: 1n },
  },
};

test("without a mask, the update changes the fields that are present", () => {
  expect(changed({})).toEqual([]);
  expect(changed({ metadata: {}, spec: {} })).toEqual([]);
  expect(changed({ metadata: { name: "" }, spec: { permissions: [] } })).toEqual([]);
  expect(changed({ metadata: { name: "a" } })).toEqual(["metadata.name"]);
  expect(changed({ spec: { expiresAt: {} } })).toEqual(["spec.expires_at"]);
  expect(changed({ spec: { permissions: ["agents:read"] } })).toEqual(["spec.permissions"]);
  expect(changed({ metadata: { labels: { env: "" } } })).toEqual(["metadata.labels"]);
  expect(changed(full)).toEqual([...changeable]);
});

test("an empty mask has the same effect as no mask", () => {
  expect(changed({ metadata: { name: "a" } }, [])).toEqual(["metadata.name"]);
});

test("with a mask, the update changes the fields of the mask, present or not", () => {
  expect(changed(full, ["metadata.name"])).toEqual(["metadata.name"]);
  expect(changed({}, ["spec.permissions", "spec.expires_at"])).toEqual([
    "spec.permissions",
    "spec.expires_at",
  ]);
});

test("a parent path covers all fields below it, and * covers all fields", () => {
  expect(changed({}, ["metadata"])).toEqual(["metadata.name", "metadata.labels"]);
  expect(changed({}, ["metadata.name", "metadata"])).toEqual(["metadata.name", "metadata.labels"]);
  expect(changed({}, ["*"])).toEqual([...changeable]);
});

test.each([
  "",
  "spe",
  "spec.",
  ".spec",
  "spec.*",
  "spec.kind",
  "spec.token",
  "spec.system",
  "metadata.id",
  "metadata.account_id",
  "metadata.labels.env",
  "spec.permissions.0",
  "info",
  "state",
  "etag",
  "id",
  "update_mask",
  "nothing",
  "__proto__",
])("a mask with %j is rejected", (path) => {
  try {
    changed(full, ["metadata.name", path]);
    expect.fail("the mask was accepted");
  } catch (error) {
    expect(error).toBeInstanceOf(DomainError);
    expect((error as DomainError).violations).toMatchObject([{ field: "update_mask" }]);
  }
});

test("the error about a path of a mask names the spelling that JSON expects", () => {
  try {
    changed(full, ["spec.nothing"]);
    expect.fail("the mask was accepted");
  } catch (error) {
    const [violation] = (error as DomainError).violations;
    expect(violation?.description).toContain("spec.expires_at, or *");
    expect(violation?.description).toMatch(
      /In JSON, expected lowerCamelCase, such as "spec\.workspaceScope"$/,
    );
  }
});

test.each(["spec.expires_at", 7])("the mask %j in JSON gets the expected spelling", (updateMask) => {
  expect(jsonViolations(UpdateApiKeyRequestSchema, JSON.stringify({ id: "key_1", updateMask }))).toEqual([
    {
      field: "update_mask",
      description: 'expected lowerCamelCase paths joined by commas, such as "spec.expiresAt"',
    },
  ]);
});
