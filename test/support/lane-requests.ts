import { gzipSync } from "node:zlib";
import { create, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import {
  BatchVerifyTokensRequestSchema,
  VerifyTokenRequestSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";

/** A request as it is put on the wire, down to how its body is cut and announced. */
export interface WireRequest {
  version: 1 | 2;
  method: string;
  path: string;
  headers: Record<string, string>;
  /** Empty: no body at all. */
  chunks: Uint8Array[];
  /** How the length of the body is told: right, wrong by so many bytes, or not (chunked, on HTTP/1.1). */
  length: "told" | "untold" | number;
}

/** Tokens by what they are. */
export interface Tokens {
  bearers: (string | undefined)[];
  subjects: string[];
  accountIds: string[];
}

type Form = "json" | "proto" | "grpc";
const service = "/latchkey.v1.TokenService/";
const maxMessageBytes = 1024 * 1024;
const often = <T>(weight: number, value: T) => ({ weight, arbitrary: fc.constant(value) });
const seldom = <T>(...values: T[]) => ({ weight: 1, arbitrary: fc.constantFrom(...values) });

/** Requests of all kinds: most are near what the lane takes, and wrong in one or two ways. */
export function wireRequests(tokens: Tokens): fc.Arbitrary<WireRequest> {
  return fc
    .record({ form: fc.constantFrom<Form>("json", "json", "proto", "grpc"), batch: fc.boolean() })
    .chain(({ form, batch }) =>
      fc.record({
        form: fc.constant(form),
        version: form === "grpc" ? fc.constantFrom<1 | 2>(2, 2, 2, 1) : fc.constantFrom<1 | 2>(1, 2),
        method: fc.oneof(often(30, "POST"), seldom("GET", "HEAD", "OPTIONS", "PUT", "PATCH")),
        path: fc.oneof(
          often(40, service + (batch ? "BatchVerifyTokens" : "VerifyToken")),
          seldom(
            `${service}VerifyToken?connect=v1`,
            `${service}verifyToken`,
            `${service}VerifyToken/`,
            `${service}WatchTokens`,
          ),
        ),
        type: contentTypes(form),
        headers: extraHeaders(form, tokens.accountIds),
        bearer: fc.oneof(
          { weight: 6, arbitrary: fc.constantFrom(...tokens.bearers.slice(0, 2)) },
          { weight: 2, arbitrary: fc.constantFrom(...tokens.bearers) },
        ),
        scheme: fc.oneof(often(20, "Bearer "), seldom("bearer  ", "Basic ", "", "Bearer")),
        body: bodies(form, batch, tokens),
        cuts: fc.oneof(often(3, []), { weight: 1, arbitrary: fc.array(fc.nat(300), { maxLength: 4 }) }),
        length: fc.oneof(
          often<WireRequest["length"]>(8, "told"),
          often<WireRequest["length"]>(4, "untold"),
          seldom<WireRequest["length"]>(-3, 1),
        ),
      }),
    )
    .map(({ type, headers, bearer, scheme, body, cuts, ...request }) => ({
      ...request,
      headers: {
        ...(type !== undefined && { "content-type": type }),
        ...(bearer !== undefined && { authorization: scheme + bearer }),
        ...headers,
      },
      chunks: request.method === "GET" || request.method === "HEAD" ? [] : cut(body, cuts),
    }));
}

const plainTypes: Record<Form, string[]> = {
  json: ["application/json", "application/json", "application/json; charset=utf-8"],
  proto: ["application/proto"],
  grpc: ["application/grpc", "application/grpc+proto"],
};

function contentTypes(form: Form): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { weight: 20, arbitrary: fc.constantFrom<string | undefined>(...plainTypes[form]) },
    seldom(
      undefined,
      "",
      "Application/JSON",
      "application/json;charset=UTF-8",
      "application/json; charset=latin1",
      "application/json; charset=utf-8; x=y",
      "application/connect+json",
      "application/grpc-web+proto",
      "application/grpc+json",
      "application/GRPC",
      "text/plain",
      "application/x-www-form-urlencoded",
      "application/protobuf",
    ),
  );
}

function extraHeaders(form: Form, accountIds: string[]): fc.Arbitrary<Record<string, string>> {
  const timeouts =
    form === "grpc"
      ? ["1S", "0m", "1n", "99999999H", "1", "-1S", "1s", "123456789S", ""]
      : ["1000", "0", "1", "600000", "600001", "9999999999", "99999999999", "-1", "1.5", "soon", ""];
  const accepted = ["gzip", "gzip, br", "identity", "gzip;q=0.5, identity;q=0", "br", "deflate,gzip", ""];
  const encodings = ["gzip", "identity", "br", ""];
  const grpc = form === "grpc";
  return fc
    .record({
      [grpc ? "grpc-timeout" : "connect-timeout-ms"]: maybe(4, timeouts),
      [grpc ? "connect-timeout-ms" : "grpc-timeout"]: maybe(20, timeouts),
      [grpc ? "grpc-accept-encoding" : "accept-encoding"]: maybe(2, accepted),
      [grpc ? "grpc-encoding" : "content-encoding"]: maybe(12, encodings),
      "connect-protocol-version": maybe(4, ["1", "2"]),
      "latchkey-account": maybe(6, ["acct_1", " ", ...accountIds]),
      origin: maybe(4, ["https://console.example", "https://evil.example"]),
      "access-control-request-method": maybe(20, ["POST"]),
      te: maybe(4, ["trailers"]),
      "x-extra": maybe(10, ["a", "é\u00ff"]),
      "user-agent": maybe(4, ["grpc-node/1", ""]),
      expect: maybe(40, ["100-continue"]),
    })
    .map((headers) => {
      const present = Object.entries(headers).filter((entry) => entry[1] !== undefined);
      return Object.fromEntries(present) as Record<string, string>;
    });
}

// One of these, or, so many times as often, nothing.
function maybe(weight: number, values: string[]): fc.Arbitrary<string | undefined> {
  return fc.oneof(
    { weight, arbitrary: fc.constant(undefined) },
    { weight: 1, arbitrary: fc.constantFrom(...values) },
  );
}

function bodies(form: Form, batch: boolean, tokens: Tokens): fc.Arbitrary<Uint8Array> {
  const text = fc.oneof(fc.constantFrom("", "a", "*", "agents:read", "Ü:1", "x".repeat(70)), fc.string());
  const question = fc.record(
    {
      token: fc.oneof(
        { weight: 9, arbitrary: fc.constantFrom(...tokens.subjects) },
        { weight: 1, arbitrary: text },
      ),
      accountId: fc.constantFrom("", "", ...tokens.accountIds, "acct_none", "no space"),
      workspaceId: fc.constantFrom("", "", "", "ws_none"),
      requiredPermissions: fc.array(fc.oneof(often(3, "agents:read"), { weight: 1, arbitrary: text }), {
        maxLength: 2,
      }),
      requiredEntitlements: fc.array(fc.constantFrom("realtime", "X"), { maxLength: 1 }),
      environment: fc.constantFrom(0, 0, 1, 2, 9),
      cost: fc.constantFrom(undefined, 0, 1, -1, 1_000_001),
      dryRun: fc.boolean(),
      fresh: fc.boolean(),
    },
    { requiredKeys: ["token"] },
  );
  const binary = batch
    ? fc
        .array(question, { maxLength: 4 })
        .map((questions) => questions.map((one) => create(VerifyTokenRequestSchema, init(one))))
        .map((requests) =>
          toBinary(BatchVerifyTokensRequestSchema, create(BatchVerifyTokensRequestSchema, { requests })),
        )
    : question.map((one) => toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, init(one))));
  const garbage = fc.oneof(fc.uint8Array({ maxLength: 40 }), seldomSizes);
  if (form === "proto") return mostly(binary, garbage, binary.map(damaged), binary.map(gzipped));
  if (form === "json") return jsonBodies(question, batch, garbage);
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
    ),
  );
}

function jsonBodies(question: fc.Arbitrary<object>, batch: boolean, garbage: fc.Arbitrary<Uint8Array>) {
  const wrap = (one: unknown) => (batch ? { requests: [one] } : one);
  const encode = (value: unknown) => Buffer.from(typeof value === "string" ? value : JSON.stringify(value));
  const right = question.map((one) => {
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
  );
  return mostly(
    right,
    odd.map((value) => encode(typeof value === "string" ? value : wrap(value))),
    fc.json().map(encode),
    garbage,
    right.map(damaged),
    right.map(gzipped),
  );
}

// The generator's record leaves keys out, or undefined.
function init(question: object): MessageInitShape<typeof VerifyTokenRequestSchema> {
  return Object.fromEntries(Object.entries(question).filter(([, value]) => value !== undefined));
}

const seldomSizes = fc
  .constantFrom(65_535, 65_536, 65_537, 100_000, maxMessageBytes - 5, maxMessageBytes, maxMessageBytes + 1)
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

function cut(body: Uint8Array, cuts: number[]): Uint8Array[] {
  const at = [...new Set(cuts.filter((one) => one > 0 && one < body.length))].sort((a, b) => a - b);
  const edges = [0, ...at, body.length];
  const chunks = at.map((end, index) => body.subarray(edges[index], end));
  return [...chunks, body.subarray(at.at(-1) ?? 0)];
}
