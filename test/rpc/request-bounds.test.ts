import { create, type DescMessage, type JsonValue, toBinary } from "@bufbuild/protobuf";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { CreateApiKeyRequestSchema } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { BatchVerifyTokensRequestSchema, TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { defaultLimits } from "../../src/net/limits.ts";
import { ruleOf } from "../../src/rpc/middleware/access.ts";
import { createCheckBody } from "../../src/rpc/middleware/check-body.ts";
import { longListInBinary } from "../../src/rpc/middleware/long-list-binary.ts";
import { longListInJson } from "../../src/rpc/middleware/long-list-json.ts";
import { createBoundsOf } from "../../src/rpc/middleware/message-bounds.ts";
import { maxPatternLength } from "../../src/rpc/middleware/pattern.ts";
import { createScanBinary } from "../../src/rpc/middleware/scan-binary.ts";
import { scanJson } from "../../src/rpc/middleware/scan-json.ts";
import { validate } from "../support/cheap.ts";
import { largestJson, largestMessage } from "../support/schema/largest.ts";
import { methods, nameOf } from "../support/schema/requests.ts";

const { maxMessageBytes } = defaultLimits;
const boundsOf = createBoundsOf(maxMessageBytes);
const each = methods.map((method) => [nameOf(method), method] as const);
const publicBytes = 24 * 1024;

describe.each(each)("%s", (_name, { input, ...method }) => {
  const bounds = boundsOf(input);

  test("has a maximum size that follows from its schema", () => {
    expect(bounds.maxBytes).toBeGreaterThan(0);
    expect(bounds.maxBytes).toBeLessThanOrEqual(maxMessageBytes);
    if (ruleOf(method as never).case === "public") expect(bounds.maxBytes).toBeLessThanOrEqual(publicBytes);
  });

  test("accepts its largest valid request", () => {
    const check = createCheckBody(input, bounds);
    const json = Buffer.from(JSON.stringify(fitting(input), null, 4));
    expect(json.length).toBeLessThanOrEqual(bounds.maxBytes);
    expect(() => check(json, true)).not.toThrow();
    const message = largestMessage(input);
    expect(() => check(toBinary(input, message), false)).not.toThrow();
    expect(() => validate(input, message)).not.toThrow();
  });

  test("refuses a body of more values than its largest valid request, before it parses the body", () => {
    const check = createCheckBody(input, bounds);
    const tooMany = bounds.maxValues + 1;
    expect(() => check(Buffer.from(`[${"1,".repeat(tooMany)}1]`), true)).toThrow("too many values");
    expect(() => check(Buffer.from("\x78\x01".repeat(tooMany), "latin1"), false)).toThrow("too many values");
    expect(() => check(Buffer.from("[".repeat(bounds.maxDepth + 1)), true)).toThrow("too deeply");
    const keys = Array.from({ length: bounds.maxKeys + 1 }, (_, n) => `"${n}":{"a":1}`).join();
    if (2 * bounds.maxKeys < bounds.maxValues - 2) {
      expect(() => check(Buffer.from(`{${keys}}`), true)).toThrow("too many fields");
    }
    const long = "x".repeat(bounds.maxStringBytes + 1);
    expect(() => check(Buffer.from(JSON.stringify([long])), true)).toThrow("too long");
  });
});

describe("a body with too many values", () => {
  const check = createCheckBody(CreateApiKeyRequestSchema, boundsOf(CreateApiKeyRequestSchema));
  const rateLimits = Array.from({ length: 1_000 }, (_, n) => ({ name: `n${n}`, limit: 1 }));
  const labels = Object.fromEntries(rateLimits.map(({ name }) => [name, "x"]));
  const message = "must contain no more than 8 item(s)";
  const spec = { description: '{"],[', permissions: ["a:b"], rateLimits };

  test("is refused with the name of the first list that is too long, in both formats", () => {
    const long = `spec.rate_limits: ${message}`;
    const json = { metadata: { name: "x", labels: { a: "b" } }, spec };
    expect(() => check(Buffer.from(JSON.stringify(json, null, 1)), true)).toThrow(long);
    const renamed = { spec: { rate_limits: rateLimits, permissions: ["a:b"] } };
    expect(() => check(Buffer.from(JSON.stringify(renamed)), true)).toThrow(long);
    const binary = toBinary(CreateApiKeyRequestSchema, create(CreateApiKeyRequestSchema, { spec }));
    expect(() => check(Buffer.concat([binary, binary, binary]), false)).toThrow(long);
  });

  test("is refused with the name of a map that is too long", () => {
    const json = { metadata: { labels } };
    expect(() => check(Buffer.from(JSON.stringify(json)), true)).toThrow(
      /metadata.labels: map must be at most/,
    );
  });

  test("is refused with the place of the item that has the list", () => {
    const batch = createCheckBody(BatchVerifyTokensRequestSchema, boundsOf(BatchVerifyTokensRequestSchema));
    const requiredPermissions = Array.from({ length: 100_000 }, () => "");
    const json = { requests: [{ token: "x" }, { token: "y", requiredPermissions }] };
    const long = /requests\[1\].required_permissions: must contain/;
    expect(() => batch(Buffer.from(JSON.stringify(json)), true)).toThrow(long);
    const many = create(BatchVerifyTokensRequestSchema, json);
    expect(() => batch(toBinary(BatchVerifyTokensRequestSchema, many), false)).toThrow(long);
  });

  test("does not stop the search for its list, whatever its bytes are", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.string(), (bytes, text) => {
        longListInBinary(bytes, BatchVerifyTokensRequestSchema);
        longListInJson(Buffer.from(text), BatchVerifyTokensRequestSchema, 8);
      }),
    );
  });
});

// A batch of 100 requests with every field at its maximum is larger than any body may be.
function fitting(input: DescMessage): JsonValue {
  if (input !== TokenService.method.batchVerifyTokens.input) return largestJson(input);
  return { requests: Array.from({ length: 100 }, () => ({ token: "a".repeat(8192) })) };
}

test("100 items with 8 KiB tokens, and 100 items with full lists, are a batch that fits", () => {
  const { maxBytes } = boundsOf(BatchVerifyTokensRequestSchema);
  const entitlement = "a".repeat(63);
  const item = {
    token: "x".repeat(110),
    requiredEntitlements: Array.from({ length: 64 }, () => entitlement),
  };
  const body = Buffer.from(JSON.stringify({ requests: Array.from({ length: 100 }, () => item) }));
  expect(body.length).toBeLessThan(maxBytes);
  expect(scanJson(body, boundsOf(BatchVerifyTokensRequestSchema))).toBeUndefined();
});

test("no JSON text has more values than the scan counts", () => {
  const bounds = { maxKeys: 1e6, maxStringBytes: 1e6, maxDepth: 1e6 };
  fc.assert(
    fc.property(fc.json(), (text) => {
      const bytes = Buffer.from(text);
      const count = countOf(JSON.parse(text) as JsonValue);
      const refusedAt = (maxValues: number) => scanJson(bytes, { ...bounds, maxValues }) !== undefined;
      expect(refusedAt(2 * count + 1)).toBe(false);
      expect(refusedAt(Math.floor(count / 2) - 1)).toBe(true);
    }),
  );
});

function countOf(json: JsonValue): number {
  if (typeof json !== "object" || json === null) return 1;
  return 1 + Object.values(json).reduce<number>((sum, value) => sum + countOf(value as JsonValue), 0);
}

test("the scan of a binary message ends for any bytes", () => {
  const scan = createScanBinary(BatchVerifyTokensRequestSchema, boundsOf(BatchVerifyTokensRequestSchema));
  fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => scan(bytes) === undefined));
});

test("the packed numbers of a list count one by one", () => {
  const scan = createScanBinary(FileDescriptorProtoSchema, { ...boundsOf(FileDescriptorProtoSchema) });
  const packed = new Uint8Array(102).fill(1);
  packed.set([0x52, 100]);
  expect(scan(packed)).toBe("there are too many values");
});

test("a message with a string or a list without a maximum has no bounds, so no server starts with it", () => {
  expect(() => boundsOf(TokenService.method.verifyToken.output)).toThrow(
    /needs the rule max_len or max_bytes/,
  );
  expect(() => boundsOf(TokenService.method.batchVerifyTokens.output)).toThrow(/needs the rule/);
});

test.each([
  ["^[!-~]{0,64}$", 64],
  ["^[a-z][a-z0-9_]{0,62}(=[0-9]{1,12})?$", 76],
  ["^a?b{3}$", 4],
  ["^[^a]{0,3}$", undefined],
  ["^[a-z]*$", undefined],
  ["[a-z]{3}", undefined],
  ["^(ab){2}$", undefined],
  ["^a|b$", undefined],
])("the longest match of %s has %s characters", (pattern, length) => {
  expect(maxPatternLength(pattern)).toBe(length);
});
