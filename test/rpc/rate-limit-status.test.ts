import { create, fromBinary, toJson } from "@bufbuild/protobuf";
import fc from "fast-check";
import { expect, test } from "vitest";
import { VerifyTokenResponseSchema } from "../../gen/latchkey/v1/token_service_pb.ts";
import { jsonOptions } from "../../src/rpc/json-options.ts";
import { rateLimitAddition, rateLimitStatus } from "../../src/rpc/rate-limit-status.ts";
import { rule } from "../support/limits/rule.ts";

const int32 = fc.oneof(fc.nat(300), fc.nat(2_147_483_647));
const time = fc.oneof(
  fc.double({ min: 1, max: 4e12, noNaN: true }),
  fc.nat(4_000_000_000).map((seconds) => seconds * 1000),
);

test("the field that is added to a kept response is what the generated code would write", () => {
  const name = fc.oneof(
    fc.stringMatching(/^[a-z][a-z0-9_]{0,62}$/),
    fc.array(fc.constantFrom(...'aé€😀"\\\r\n\0'), { maxLength: 200 }).map((parts) => parts.join("")),
  );
  fc.assert(
    fc.property(name, int32, int32, time, (name, limit, remaining, resetAt) => {
      const state = { rule: rule(limit, 1_000, { name }), remaining, resetAt, retryAfterMs: 0 };
      const expected = create(VerifyTokenResponseSchema, { rateLimit: rateLimitStatus(state) });
      const addition = rateLimitAddition({ allowed: true, states: [state] });
      if (!addition) throw new Error("a call with a limit has a state");
      const { rateLimit } = toJson(VerifyTokenResponseSchema, expected, jsonOptions) as Record<
        string,
        unknown
      >;
      expect(`{${addition.json()}}`).toBe(JSON.stringify({ rateLimit }));
      const bytes = Buffer.from(addition.binary(), "latin1");
      expect(fromBinary(VerifyTokenResponseSchema, bytes)).toEqual(expected);
    }),
  );
});
