import { gzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import {
  BatchVerifyTokensRequestSchema,
  VerifyTokenRequestSchema,
} from "../../../gen/latchkey/v1/token_service_pb.ts";
import { defaultLimits } from "../../../src/net/limits.ts";
import { createBoundsOf } from "../../../src/rpc/middleware/message-bounds.ts";
import type { Tokens } from "./requests.ts";

/** The format of a body. */
export type Form = "json" | "proto" | "grpc";

const { maxMessageBytes } = defaultLimits;
const maxVerifyBytes = createBoundsOf(maxMessageBytes)(VerifyTokenRequestSchema).maxBytes;

/** Returns an arbitrary of request bodies: most are valid, and the others are broken in many ways. */
export function bodies(
  form: Form,
  batch: boolean,
  tokens: Pick<Tokens, "subjects" | "accountIds">,
): fc.Arbitrary<Uint8Array> {
  const text = fc.oneof(fc.constantFrom("", "a", "*", "agents:read", "Ü:1", "x".repeat(70)), fc.string());
  const record = fc.record(
    {
      token: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...tokens.subjects) },
        { weight: 1, arbitrary: text },
      ),
      accountId: fc.constantFrom("", "", ...tokens.accountIds, "acct_none", "no space"),
      workspaceId: fc.constantFrom("", "", "", "ws_none"),
      requiredPermissions: fc.array(
        fc.oneof({ weight: 3, arbitrary: fc.constant("agents:read") }, { weight: 1, arbitrary: text }),
        {
          maxLength: 2,
        },
      ),
      requiredEntitlements: fc.array(fc.constantFrom("realtime", "X"), { maxLength: 1 }),
      environment: fc.constantFrom(0, 0, 1, 2, 9),
      cost: fc.constantFrom(undefined, 0, 1, -1, 1_000_001),
      dryRun: fc.boolean(),
      fresh: fc.boolean(),
      clientAddress: fc.constantFrom("", "", "203.0.113.7", "203.0.113.8", "2001:db8::7", "somewhere"),
    },
    { requiredKeys: ["token"] },
  );
  // An explanation says whether the cache gave the verdict. Two servers need not have the same entries.
  const request = record.map((one) => (one.dryRun ? { ...one, fresh: true } : one));
  const binary = batch
    ? fc
        .array(request, { maxLength: 4 })
        .map((all) => all.map((one) => create(VerifyTokenRequestSchema, init(one))))
        .map((requests) =>
          toBinary(BatchVerifyTokensRequestSchema, create(BatchVerifyTokensRequestSchema, { requests })),
        )
    : request.map((one) => toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, init(one))));
  const garbage = fc.oneof(fc.uint8Array({ maxLength: 40 }), boundarySizes);
  if (form === "proto")
    return mostly(binary, fc.constant(manyValues), garbage, binary.map(damaged), binary.map(gzipped));
  if (form === "json") return jsonBodies(request, batch, garbage);
  const framed = binary.map((bytes) => encodeEnvelope(0, bytes));
  return mostly(
    framed,
    garbage,
    garbage.map((bytes) => encodeEnvelope(0, bytes)),
    binary.map((bytes) => encodeEnvelope(1, gzipped(bytes))),
    binary.map((bytes) => encodeEnvelope(2, bytes)),
    framed.map(damaged),
    framed.map((bytes) => Buffer.concat([bytes, bytes])),
    framed.map((bytes) => Buffer.concat([bytes, bytes.subarray(0, 7)])),
    fc.constantFrom(
      new Uint8Array(),
      new Uint8Array(4),
      new Uint8Array(5),
      Uint8Array.of(0, 0, 16, 0, 1, 1),
      Uint8Array.of(0, 255, 255, 255, 255),
      encodeEnvelope(0, manyValues),
      Buffer.concat([encodeEnvelope(0, Uint8Array.of()), encodeEnvelope(0, manyValues)]),
    ),
  );
}

function jsonBodies(request: fc.Arbitrary<object>, batch: boolean, garbage: fc.Arbitrary<Uint8Array>) {
  const wrap = (one: unknown) => (batch ? { requests: [one] } : one);
  const encode = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const valid = request.map((one) => {
    const json = toJsonString(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, init(one)));
    return encode(wrap(JSON.parse(json)));
  });
  const odd = fc.constantFrom<unknown>(
    {},
    { token: 5 },
    { token: null },
    { tokn: "x" },
    { token: "x", [`${"long".repeat(20)}`]: 1 },
    { token: "x", required_permissions: ["a:b"], requiredPermissions: ["c:d"] },
    { token: "x", requiredPermissions: "agents:read" },
    { token: "x", environment: "LIVE" },
    { token: "x", environment: "ENVIRONMENT_LIVE" },
    { token: "x", cost: 1.5 },
    { token: "x", cost: "7" },
    { token: "x", __proto__: { a: 1 } },
    { token: "\ud800" },
    [],
    "null",
    "",
    " ",
    "{",
    '{"token":"x"}{"token":"y"}',
    '{"token":"x","token":"y"}',
    '\ufeff{"token":"x"}',
    `{"token":"x","fresh":${"[".repeat(5000)}}`,
    `{"requests":[${"{},".repeat(15_000)}{}]}`,
    `{"token":"x","requiredPermissions":[${"1,".repeat(200)}1]}`,
  );
  return mostly(
    valid,
    odd.map((value) => encode(typeof value === "string" ? value : wrap(value))),
    fc.json().map(encode),
    garbage,
    valid.map(damaged),
    valid.map(gzipped),
  );
}

// The arbitrary omits some keys and sets others to undefined.
function init(request: object): MessageInitShape<typeof VerifyTokenRequestSchema> {
  return Object.fromEntries(Object.entries(request).filter(([, value]) => value !== undefined));
}

// A batch of many empty requests. The limit on their number is much lower.
const manyValues = Buffer.from("\x0a\x00".repeat(15_000), "latin1");

const boundarySizes = fc
  .constantFrom(65_536, 100_000, maxVerifyBytes, maxMessageBytes)
  .chain((size) => fc.constantFrom(size - 5, size - 1, size, size + 1))
  .map((size) => Buffer.alloc(size, 32));

function mostly(usual: fc.Arbitrary<Uint8Array>, ...others: fc.Arbitrary<Uint8Array>[]) {
  return fc.oneof(
    { weight: 2 * others.length, arbitrary: usual },
    ...others.map((arbitrary) => ({ weight: 1, arbitrary })),
  );
}

function damaged(bytes: Uint8Array): Uint8Array {
  const copy = Uint8Array.from(bytes);
  const at = Math.floor(copy.length / 2);
  copy[at] = (copy[at] ?? 0) ^ 0xff;
  return copy;
}

function gzipped(bytes: Uint8Array): Uint8Array {
  return gzipSync(bytes);
}
