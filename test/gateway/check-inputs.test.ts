import { create, toBinary } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { CheckRequestSchema } from "../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import { inputsOfCheck } from "../../src/rpc/gateway/check-inputs.ts";
import { runs } from "../support/random.ts";

type Map = Record<string, string>;

function framed(headers: Map, contextExtensions: Map): Buffer {
  const message = { attributes: { request: { http: { headers } }, contextExtensions } };
  return Buffer.from(encodeEnvelope(0, toBinary(CheckRequestSchema, create(CheckRequestSchema, message))));
}

const text = fc.string({ unit: "grapheme", maxLength: 200 });
const others = fc.dictionary(
  fc.constantFrom("accept", "x-request-id", ":path", "authority", "x-api-kez", "cookie"),
  text,
);
const inputs = fc.record({
  headers: fc.dictionary(
    fc.constantFrom(
      "authorization",
      "x-api-key",
      "latchkey-user-id",
      "latchkey_user_id",
      "Latchkey-Verifier",
      "link",
    ),
    text,
  ),
  extensions: fc.dictionary(fc.constantFrom("permission", "environment", "workspace_id"), text),
});
const inputsOf = ({ headers, extensions }: { headers: Map; extensions: Map }, more: Map = {}) =>
  inputsOfCheck(framed({ ...more, ...headers }, extensions));
/** What an answer depends on: the values of credentials, the names of the other headers, and the extensions. */
const partsOf = ({ headers, extensions }: { headers: Map; extensions: Map }) =>
  JSON.stringify([
    Object.entries(headers).map(([name, value]) => [
      name,
      name.startsWith("l") || name.startsWith("L") ? "" : value,
    ]),
    Object.entries(extensions),
  ]);

test("the inputs of two requests are equal if and only if their credentials, our headers and extensions are", () => {
  fc.assert(
    fc.property(inputs, inputs, others, others, (one, two, moreOne, moreTwo) => {
      expect(inputsOf(one, moreOne)).toBeDefined();
      expect(inputsOf(one, moreOne)).toBe(inputsOf(one, moreTwo));
      expect(inputsOf(one) === inputsOf(two)).toBe(partsOf(one) === partsOf(two));
    }),
    { numRuns: runs(500) },
  );
});

test("one changed byte of a credential or an extension changes the inputs", () => {
  const whole = framed({ authorization: "Bearer abc" }, { permission: "agents:read" });
  const before = inputsOfCheck(whole);
  for (const part of ["authorization", "Bearer abc", "permission", "agents:read"]) {
    const start = whole.indexOf(part);
    for (let at = start; at < start + part.length; at++) {
      const changed = Buffer.from(whole);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(inputsOfCheck(changed), `${part} at ${at}`).not.toBe(before);
    }
  }
});

test("bytes that are no complete request have no inputs, and no bytes make the scan fail", () => {
  const whole = framed({ authorization: "Bearer abc", accept: "a" }, { permission: "agents:read" });
  for (let length = 0; length < whole.length; length++) {
    expect(inputsOfCheck(whole.subarray(0, length))).toBeUndefined();
  }
  const compressed = Buffer.from(whole);
  compressed[0] = 1;
  expect(inputsOfCheck(compressed)).toBeUndefined();
  expect(inputsOfCheck(Buffer.concat([whole, whole]))).toBeUndefined();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      expect(() => inputsOfCheck(Buffer.from(encodeEnvelope(0, bytes)))).not.toThrow();
    }),
    { numRuns: runs(500) },
  );
});
