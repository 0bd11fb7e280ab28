import { gzipSync } from "node:zlib";
import type { DescMethod } from "@bufbuild/protobuf";
import { Code, createClient } from "@connectrpc/connect";
import { createGrpcTransport, createGrpcWebTransport } from "@connectrpc/connect-node";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { AuditService } from "../../gen/latchkey/v1/audit_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { WorkspaceAdminService } from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { mintToken } from "../../src/domain/kernel/token.ts";
import { refusal } from "../support/errors.ts";
import { detailOf, pathOf, type Sent, serve, violationsOf } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { createApiKey, rotateApiKey, updateApiKey } = ApiKeyService.method;
const { verifyToken, batchVerifyTokens } = TokenService.method;
const secret = mintToken("lk", "live", "key_01jd0000000000000000000000").token;

test.each<[name: string, method: DescMethod, body: unknown, fields: string[]]>([
  ["an unknown field", createApiKey, { nmae: "x" }, ["nmae"]],
  ["an unknown field deep inside", createApiKey, { spec: { scopes: ["read"] } }, ["spec.scopes"]],
  ["a wrong type", createApiKey, { metadata: { name: 5 } }, ["metadata.name"]],
  ["a list for an object", createApiKey, { metadata: [] }, ["metadata"]],
  ["an object for a list", createApiKey, { spec: { permissions: { read: true } } }, ["spec.permissions"]],
  ["an unknown enum", createApiKey, { spec: { environment: "STAGING" } }, ["spec.environment"]],
  ["an unknown enum number", createApiKey, { spec: { kind: 77 } }, ["spec.kind"]],
  ["an invalid time", createApiKey, { spec: { expiresAt: "tomorrow" } }, ["spec.expires_at"]],
  [
    "a time out of range",
    createApiKey,
    { spec: { expiresAt: "99999-01-01T00:00:00Z" } },
    ["spec.expires_at"],
  ],
  ["an invalid duration", rotateApiKey, { id: "key_1", gracePeriod: "1 hour" }, ["grace_period"]],
  ["a duration too long", rotateApiKey, { id: "key_1", gracePeriod: "604801s" }, ["grace_period"]],
  ["a negative duration", rotateApiKey, { id: "key_1", gracePeriod: "-1s" }, ["grace_period"]],
  ["a label of a wrong type", createApiKey, { metadata: { labels: { env: 1 } } }, ["metadata.labels"]],
  ["an invalid mask", updateApiKey, { id: "key_1", updateMask: "spec..x y" }, ["update_mask"]],
  ["a wrong field in a list", batchVerifyTokens, { requests: [{}, { token: 1 }] }, ["requests[1].token"]],
  ["no object at all", createApiKey, [1, 2], [""]],
  ["broken JSON", createApiKey, `{"metadata":`, [""]],
  [
    "several wrong fields",
    createApiKey,
    { metadata: { name: true, labels: 1 }, spec: { expiresAt: "x", unknown: 1 }, requestId: {} },
    ["metadata.labels", "metadata.name", "request_id", "spec.expires_at", "spec.unknown"],
  ],
  [
    "several fields against the rules of the schema",
    createApiKey,
    { metadata: { name: "x".repeat(129), externalId: "a b" }, spec: { description: "x".repeat(1025) } },
    ["metadata.external_id", "metadata.name", "spec.description"],
  ],
])("%s gets one violation per field, with its name", async (_name, method, body, fields) => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const response = await http.post(method, { body, token: owner.token });
  expect(response.status).toBe(400);
  expect(response.json.code).toBe("invalid_argument");
  expect(
    violationsOf(response)
      .map(({ field }) => field)
      .sort(),
  ).toEqual(fields);
  for (const { description } of violationsOf(response)) expect(description).not.toBe("");
});

const many = Array.from({ length: 100 }, (_, n) => n);

test.each<[name: string, body: (n: number) => unknown, field: (n: number) => string]>([
  ["are unknown", (n) => ({ [`unknown_${n}`]: 1 }), (n) => `requests[${n}].unknown_${n}`],
  ["have a wrong type", () => ({ token: 1 }), (n) => `requests[${n}].token`],
  [
    "break a rule of the schema",
    () => ({ token: "x", workspaceId: "a b" }),
    (n) => `requests[${n}].workspace_id`,
  ],
])("of a hundred fields that %s, the error names the first 32", async (_name, body, field) => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const response = await http.post(batchVerifyTokens, {
    body: { requests: many.map(body) },
    token: owner.token,
  });
  expect(response.status).toBe(400);
  expect(violationsOf(response).map((violation) => violation.field)).toEqual(many.slice(0, 32).map(field));
});

const wrongPlaces: [name: string, method: DescMethod, body: unknown][] = [
  ["a field of another type", createApiKey, { metadata: secret }],
  ["a number", createApiKey, { requestId: 1, spec: { kind: secret } }],
  ["a time", createApiKey, { spec: { expiresAt: secret } }],
  ["a duration", rotateApiKey, { id: "key_1", gracePeriod: secret }],
  ["a name of a field", createApiKey, { [secret]: 1 }],
  ["a long name of a field", createApiKey, { [secret.repeat(30)]: 1 }],
  ["a name deep inside", createApiKey, { spec: { [secret]: 1 } }],
  ["a label's name", createApiKey, { metadata: { name: "x", labels: { [secret]: "a" } } }],
  ["a label's value", createApiKey, { metadata: { name: "x", labels: { a: secret } } }],
  ["a permission", createApiKey, { metadata: { name: "x" }, spec: { permissions: [secret] } }],
  ["a required permission", verifyToken, { token: "x", requiredPermissions: [secret] }],
  ["an update mask", updateApiKey, { id: "key_1", updateMask: secret }],
  ["a mask of a wrong type", updateApiKey, { id: "key_1", updateMask: [secret] }],
  ["an id", WorkspaceAdminService.method.getWorkspace, { workspaceId: secret }],
  ["text instead of JSON", createApiKey, secret],
  ["broken JSON", createApiKey, `{"metadata": {"name": "x"}, ${secret}}`],
  ["a list instead of an object", createApiKey, [secret]],
  ["a long wrong field", createApiKey, { metadata: { name: [secret.repeat(50)] } }],
  [
    "a label selector with two values",
    ApiKeyService.method.listApiKeys,
    { labels: `${secret}=a,${secret}=b` },
  ],
  ["a cursor", ApiKeyService.method.listApiKeys, { cursor: secret }],
  ["a password of a wrong type", SessionService.method.signUp, { password: { [secret]: secret } }],
];

test.each(wrongPlaces)(
  "the response does not repeat a token that was sent as %s",
  async (_name, method, body) => {
    const [http, owner] = [await serve(app), await app.newAccount()];
    for (const headers of sendings) {
      const response = await http.post(method, { body, token: owner.token, headers });
      expect(response.status).toBeGreaterThanOrEqual(400);
      expect(response.status).toBeLessThan(500);
      expect(response.text).not.toContain(secret);
    }
  },
);

const sendings: NonNullable<Sent["headers"]>[] = [
  {},
  { "accept-encoding": "gzip" },
  { "content-type": "application/json; charset=utf-8" },
  { "content-type": "Application/JSON" },
];

test("the error of a compressed body names its invalid fields", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const body = gzipSync(JSON.stringify({ metadata: { name: 5 } }));
  const headers = { "content-encoding": "gzip" };
  const response = await http.post(createApiKey, { body, token: owner.token, headers });
  expect(response.status).toBe(400);
  expect(violationsOf(response)).toEqual([{ field: "metadata.name", description: "expected string" }]);
});

test("the error of a GET request names the invalid fields of the message in its URL", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const path = pathOf(ApiKeyService.method.listApiKeys);
  const send = (message: string, more = "") =>
    http.get(`${path}?connect=v1&encoding=json&message=${encodeURIComponent(message)}${more}`, owner);
  expect((await send(`{"limit":1}`)).status).toBe(200);
  expect((await send(Buffer.from(`{"limit":1}`).toString("base64url"), "&base64=1")).status).toBe(200);
  const wrong = await send(`{"limit":"many","${secret}":1}`);
  expect(wrong.status).toBe(400);
  expect(violationsOf(wrong).map(({ field }) => field)).toEqual(["limit", "(a long name)"]);
  expect(wrong.text).not.toContain(secret);
  const binary = await http.get(`${path}?connect=v1&encoding=proto&base64=1&message=CP8`, owner);
  expect(violationsOf(binary)).toEqual([
    { field: "", description: "expected the bytes of a latchkey.v1.ListApiKeysRequest" },
  ]);
  expect((await http.get(`${pathOf(createApiKey)}?connect=v1&encoding=json&message={}`, owner)).status).toBe(
    405,
  );
});

test("an invalid binary body is rejected in every protocol", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const body = new Uint8Array([0x0a, 0xff, 0xff]);
  const response = await http.post(createApiKey, {
    body,
    token: owner.token,
    headers: { "content-type": "application/proto" },
  });
  expect(response.status).toBe(400);
  expect(detailOf(response, "google.rpc.BadRequest")).toBeDefined();
  const framed = new Uint8Array([0, 0, 0, 0, body.length, ...body]);
  const headers = { "content-type": "application/grpc-web+proto" };
  const { text } = await http.post(createApiKey, { body: framed, token: owner.token, headers });
  // The gRPC documentation prescribes this code for a request that cannot be parsed.
  expect(text).toMatch(new RegExp(`grpc-status: ${Code.Internal}\\r`));
});

test("JSON in gRPC frames and unknown content types get status 415", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  for (const type of [
    "application/grpc+json",
    "application/grpc-web+json",
    "Application/gRPC+JSON",
    "text/plain",
    "application/x-www-form-urlencoded",
    "application/connect+json",
  ]) {
    const headers = { "content-type": type };
    expect((await http.post(createApiKey, { token: owner.token, headers })).status, type).toBe(415);
  }
});

test("a time out of range is an invalid field in every protocol", async () => {
  const [http, owner] = [await serve(app), await app.newAccount()];
  const headers = [["authorization", `Bearer ${owner.token}`]] as [string, string][];
  const never = { seconds: 2n ** 60n, nanos: 0 };
  for (const transport of [
    createGrpcTransport({ baseUrl: http.url }),
    createGrpcWebTransport({ baseUrl: http.url, httpVersion: "1.1" }),
  ]) {
    const create = () =>
      createClient(ApiKeyService, transport).createApiKey(
        { metadata: { name: "x" }, spec: { expiresAt: never } },
        { headers },
      );
    const list = () =>
      createClient(AuditService, transport).listAuditEvents({ startTime: never }, { headers });
    const wrong = (field: string) => ({ code: "InvalidArgument", violations: [{ field }] });
    expect(await refusal(create())).toMatchObject(wrong("spec.expires_at"));
    expect(await refusal(list())).toMatchObject(wrong("start_time"));
  }
});
