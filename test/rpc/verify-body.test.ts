import { create, type MessageInitShape, toBinary, toJsonString } from "@bufbuild/protobuf";
import { encodeEnvelope } from "@connectrpc/connect/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { VerifyTokenRequestSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { verifyBodyOf } from "../../src/rpc/verify-body.ts";

type Request = MessageInitShape<typeof VerifyTokenRequestSchema>;

const forms = fc.constantFrom("json" as const, "proto" as const, "grpc" as const);
const addresses = fc.oneof(fc.ipV4(), fc.ipV6());
const requests: fc.Arbitrary<Request> = fc.record({
  token: fc.oneof(fc.constant('x","clientAddress":"1.1.1.1'), fc.string({ minLength: 1 })),
  accountId: fc.constantFrom("", "acct_1"),
  requiredPermissions: fc.array(fc.string(), { maxLength: 3 }),
  dryRun: fc.boolean(),
  cost: fc.constantFrom(0, 300),
});

function encode(form: "json" | "proto" | "grpc", request: Request): Uint8Array {
  const message = create(VerifyTokenRequestSchema, request);
  if (form === "json") return Buffer.from(toJsonString(VerifyTokenRequestSchema, message));
  const bytes = toBinary(VerifyTokenRequestSchema, message);
  return form === "proto" ? bytes : encodeEnvelope(0, bytes);
}

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString("hex");

test("requests that differ only in the client address have the same inputs, and others have not", () => {
  fc.assert(
    fc.property(forms, requests, requests, addresses, (form, request, other, clientAddress) => {
      const plain = verifyBodyOf(form, encode(form, request));
      const split = verifyBodyOf(form, encode(form, { ...request, clientAddress }));
      // A text with a backslash stays whole.
      const stays = form === "json" && encode("json", request).includes(0x5c);
      expect(split?.clientAddress).toBe(stays ? undefined : clientAddress);
      expect(hex(split?.inputs) === hex(plain?.inputs)).toBe(!stays);
      const different = hex(encode(form, request)) !== hex(encode(form, other));
      const beside = verifyBodyOf(form, encode(form, { ...other, clientAddress }));
      if (different) expect(hex(beside?.inputs)).not.toBe(hex(plain?.inputs));
    }),
  );
});

const json = (text: string) => verifyBodyOf("json", Buffer.from(text));

test.each([
  ['{"clientAddress":"::1","token":"t"}', '{"token":"t"}'],
  ['{"token":"t" , "client_address" : "::1" }', '{"token":"t" }'],
  ['{ "client_address":"::1","token":"t"}', '{"token":"t"}'],
])("a client address in front, at the end or with spaces is taken out of %s", (text, rest) => {
  expect(json(text)?.clientAddress).toBe("::1");
  expect(Buffer.from(json(text)?.inputs ?? []).toString()).toBe(rest);
});

test.each([
  '{"token":"t","clientAddress":"somewhere"}',
  '{"token":"t","clientAddress":"fe80::1%eth0"}',
  '{"token":"t","clientAddress":"1.2.3"}',
])("a request with a wrong client address has no kept response: %s", (text) => {
  expect(json(text)).toBeUndefined();
});

test("any bytes are split without an error, and only an address is taken out", () => {
  fc.assert(
    fc.property(forms, fc.uint8Array({ maxLength: 64 }), (form, bytes) => {
      const split = verifyBodyOf(form, bytes);
      if (split && split.clientAddress === undefined && form !== "grpc") {
        expect(split.inputs.length).toBeLessThanOrEqual(bytes.length);
      }
    }),
  );
});

test("a frame that is no single plain message has no kept response", () => {
  const message = toBinary(VerifyTokenRequestSchema, create(VerifyTokenRequestSchema, { token: "t" }));
  expect(verifyBodyOf("grpc", encodeEnvelope(0, message))).toBeDefined();
  for (const frame of [
    encodeEnvelope(1, message),
    Buffer.concat([encodeEnvelope(0, message), encodeEnvelope(0, message)]),
    encodeEnvelope(0, message).subarray(0, -1),
    new Uint8Array(3),
  ]) {
    expect(verifyBodyOf("grpc", frame)).toBeUndefined();
  }
});
