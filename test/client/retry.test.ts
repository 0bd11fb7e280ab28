import { Code } from "@connectrpc/connect";
import fc from "fast-check";
import { expect, test } from "vitest";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { LatchkeyError, toLatchkeyError } from "../../src/client/error.ts";
import { baseDelayMs, delayBeforeRetry, isRepeatable, maxDelayMs } from "../../src/client/retry.ts";

const failure = (reason: string, code: Code, retryAfterMs?: number) =>
  new LatchkeyError("failed", { reason, code, retryAfterMs });
const broken = (code: string) => toLatchkeyError(Object.assign(new Error(code), { code }), "http://server");

test("reads, idempotent changes and creations with a request_id are repeatable, and nothing else", () => {
  const { createApiKey, listApiKeys, revokeApiKey, rotateApiKey } = ApiKeyService.method;
  expect(isRepeatable(listApiKeys, {})).toBe(true);
  expect(isRepeatable(revokeApiKey, { id: "key_1" })).toBe(true);
  expect(isRepeatable(createApiKey, { requestId: "r1" })).toBe(true);
  expect(isRepeatable(createApiKey, { requestId: "" })).toBe(false);
  expect(isRepeatable(createApiKey, {})).toBe(false);
  expect(isRepeatable(rotateApiKey, { id: "key_1" })).toBe(false);
  expect(isRepeatable(TokenService.method.verifyToken, { token: "x" })).toBe(false);
  expect(isRepeatable(SessionService.method.signUp, {})).toBe(false);
});

const decisions: [what: string, error: LatchkeyError, whenRepeatable: boolean, always: boolean][] = [
  ["a refused connection", broken("ECONNREFUSED"), true, true],
  ["a connection that broke", broken("ECONNRESET"), true, false],
  ["an unknown host", broken("ENOTFOUND"), false, false],
  ["an untrusted certificate", broken("DEPTH_ZERO_SELF_SIGNED_CERT"), false, false],
  ["an unreachable database", failure("UNAVAILABLE", Code.Unavailable, 1_000), true, false],
  ["a rate limit that says when", failure("RATE_LIMITED", Code.ResourceExhausted, 10), true, true],
  ["a rate limit that does not say when", failure("RATE_LIMITED", Code.ResourceExhausted), false, false],
  ["an exhausted quota", failure("QUOTA_EXCEEDED", Code.ResourceExhausted, 10), false, false],
  ["a conflict", failure("CONFLICT", Code.Aborted), true, false],
  ["a changed etag", failure("ETAG_MISMATCH", Code.Aborted), false, false],
  ["a missing permission", failure("PERMISSION_DENIED", Code.PermissionDenied), false, false],
  ["a deadline", failure("DEADLINE_EXCEEDED", Code.DeadlineExceeded), false, false],
  ["a bug", failure("INTERNAL", Code.Internal), false, false],
];

test.each(decisions)(
  "after %s, a call is repeated if that is safe and useful",
  (_, error, repeatable, always) => {
    expect(delayBeforeRetry(error, true, 0, 0.5) !== undefined).toBe(repeatable);
    expect(delayBeforeRetry(error, false, 0, 0.5) !== undefined).toBe(always);
  },
);

test("the waiting time is at most doubled with each attempt, has a maximum, and is never shorter than the server says", () => {
  const attempt = fc.integer({ min: 0, max: 60 });
  const random = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
  const after = fc.option(fc.integer({ min: 0, max: 1_000_000 }), { nil: undefined });
  fc.assert(
    fc.property(attempt, random, after, (n, r, retryAfterMs) => {
      const delay =
        delayBeforeRetry(failure("UNAVAILABLE", Code.Unavailable, retryAfterMs), true, n, r) ?? -1;
      const least = retryAfterMs ?? 0;
      expect(delay).toBeGreaterThanOrEqual(least);
      expect(delay).toBeLessThanOrEqual(least + Math.min(maxDelayMs, baseDelayMs * 2 ** n));
    }),
  );
});
