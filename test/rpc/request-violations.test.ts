import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CreateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { DomainError, type Violation } from "../../src/domain/kernel/error.ts";
import { jsonViolations } from "../../src/rpc/middleware/json-violations.ts";
import { validate } from "../support/cheap.ts";
import { type Answer, serve, violationsOf } from "../support/net/http.ts";
import { useSharedApp } from "../support/shared-app.ts";

const app = useSharedApp();
const { batchVerifyTokens, verifyToken } = TokenService.method;

const items = (count: number, item: object) => ({ requests: Array.from({ length: count }, () => item) });
const wrongEntitlements = { token: "x", requiredEntitlements: Array.from({ length: 64 }, () => "WRONG") };
const wrongTypes = { token: "x", requiredEntitlements: [1] };

test.each<[name: string, item: object]>([
  ["entitlements against the rules of the schema", wrongEntitlements],
  ["entitlements of a wrong type", wrongTypes],
  ["unknown fields", Object.fromEntries(Array.from({ length: 5 }, (_, n) => [`unknown${n}`, 1]))],
  ["permissions that are none", { token: "x", requiredPermissions: Array.from({ length: 64 }, () => "!") }],
])("a batch full of %s gets at most 32 violations and a short message", async (_name, item) => {
  const answer = await verifyAsPlatform(items(100, item));
  expect(violationsOf(answer)).toHaveLength(32);
  expectShort(answer);
});

test("a batch of too many items gets one violation, whatever is in its items", async () => {
  const answer = await verifyAsPlatform(items(101, wrongEntitlements));
  expect(violationsOf(answer)).toEqual([
    { field: "requests", description: "must contain no more than 100 item(s)" },
  ]);
});

test("a list of too many strings gets one violation, and the other fields keep theirs", async () => {
  const many = Array.from({ length: 65 }, () => "WRONG");
  const answer = await verifyAsPlatform({ token: "", requiredEntitlements: many }, verifyToken);
  expect(violationsOf(answer)).toEqual([
    { field: "required_entitlements", description: "must contain no more than 64 item(s)" },
    { field: "token", description: "must be at least 1 characters" },
  ]);
});

test("the pattern of a string that is too long is not evaluated", () => {
  const name = `${"x".repeat(200_000)}\n`;
  const labels = { [`${"k".repeat(318)}!`]: "x", a: `${"v".repeat(64)}!` };
  expect(violationsIn({ metadata: { name, labels }, spec: { permissions: ["x".repeat(128)] } })).toEqual([
    { field: "metadata.name", description: "must be at most 128 characters" },
    { field: 'metadata.labels["(a long name)"]', description: "must be at most 317 bytes" },
    { field: 'metadata.labels["a"]', description: "must be at most 63 bytes" },
    { field: "spec.permissions[0]", description: "must be at most 127 bytes" },
  ]);
});

test("the length of a string is counted in characters, not in UTF-16 units", () => {
  expect(violationsIn({ metadata: { name: "😀".repeat(128) } })).toEqual([]);
  expect(violationsIn({ metadata: { name: "😀".repeat(129) } })).toHaveLength(1);
});

test("the explanation of a JSON body stops at 32 fields", () => {
  const body = Object.fromEntries(Array.from({ length: 1000 }, (_, n) => [`f${n}`, n]));
  expect(jsonViolations(CreateApiKeyRequestSchema, JSON.stringify(body))).toHaveLength(32);
  const deep = { spec: { permissions: Array.from({ length: 1000 }, () => 1), rateLimits: [body, body] } };
  expect(jsonViolations(CreateApiKeyRequestSchema, JSON.stringify(deep))).toHaveLength(32);
});

async function verifyAsPlatform(
  body: object,
  method: typeof batchVerifyTokens | typeof verifyToken = batchVerifyTokens,
): Promise<Answer> {
  const http = await serve(app);
  const answer = await http.post(method, { body, token: app.platformToken });
  expect(answer.status).toBe(400);
  return answer;
}

function expectShort(answer: Answer): void {
  expect(String(answer.json.message).length).toBeLessThanOrEqual(4_096);
  expect(answer.text.length).toBeLessThan(32_768);
}

function violationsIn(request: Parameters<typeof create<typeof CreateApiKeyRequestSchema>>[1]): Violation[] {
  try {
    validate(CreateApiKeyRequestSchema, create(CreateApiKeyRequestSchema, request));
  } catch (error) {
    if (error instanceof DomainError) return error.violations;
    throw error;
  }
  return [];
}
