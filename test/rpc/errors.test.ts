import { Code } from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { expect, test, vi } from "vitest";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { DomainError, invalidFields, type Reason } from "../../src/domain/kernel/error.ts";
import { codes, toConnectError } from "../../src/rpc/middleware/errors.ts";

const policy = { isUnavailable: () => false, isBusy: () => false, onBug: () => {} };

const table: Record<Reason, [code: Code, http: number]> = {
  MISSING_API_KEY: [Code.Unauthenticated, 401],
  INVALID_API_KEY: [Code.Unauthenticated, 401],
  EXPIRED_API_KEY: [Code.Unauthenticated, 401],
  REVOKED_API_KEY: [Code.Unauthenticated, 401],
  DISABLED_API_KEY: [Code.Unauthenticated, 401],
  INVALID_SESSION: [Code.Unauthenticated, 401],
  EXPIRED_SESSION: [Code.Unauthenticated, 401],
  REVOKED_SESSION: [Code.Unauthenticated, 401],
  INVALID_CREDENTIALS: [Code.Unauthenticated, 401],
  LOGIN_REQUIRED: [Code.Unauthenticated, 401],
  ACCOUNT_REQUIRED: [Code.FailedPrecondition, 400],
  ACCOUNT_MISMATCH: [Code.PermissionDenied, 403],
  ACCOUNT_SUSPENDED: [Code.PermissionDenied, 403],
  ENVIRONMENT_MISMATCH: [Code.PermissionDenied, 403],
  WORKSPACE_FORBIDDEN: [Code.PermissionDenied, 403],
  WORKSPACE_ARCHIVED: [Code.PermissionDenied, 403],
  PERMISSION_DENIED: [Code.PermissionDenied, 403],
  ENTITLEMENT_REQUIRED: [Code.PermissionDenied, 403],
  FOREIGN_ORIGIN: [Code.PermissionDenied, 403],
  RATE_LIMITED: [Code.ResourceExhausted, 429],
  QUOTA_EXCEEDED: [Code.ResourceExhausted, 429],
  SYSTEM_KEY: [Code.FailedPrecondition, 400],
  LAST_OWNER: [Code.FailedPrecondition, 400],
  ALREADY_USED: [Code.FailedPrecondition, 400],
  IN_USE: [Code.FailedPrecondition, 400],
  WRONG_STATE: [Code.FailedPrecondition, 400],
  BOUND_EXCEEDED: [Code.FailedPrecondition, 400],
  NOT_FOUND: [Code.NotFound, 404],
  ALREADY_EXISTS: [Code.AlreadyExists, 409],
  ETAG_MISMATCH: [Code.Aborted, 409],
  CONFLICT: [Code.Aborted, 409],
  REVOCATION_PENDING: [Code.DeadlineExceeded, 504],
  INVALID_FIELDS: [Code.InvalidArgument, 400],
  UNIMPLEMENTED: [Code.Unimplemented, 501],
  UNAVAILABLE: [Code.Unavailable, 503],
};

test.each(Object.entries(table))("%s has the code and the status of the table", (name, [code, http]) => {
  const reason = name as Reason;
  const error = toConnectError(new DomainError(reason, "why", { key_id: "key_1" }), policy);
  expect([error.code, codeToHttpStatus(error.code), error.rawMessage]).toEqual([code, http, "why"]);
  expect(error.metadata.has("www-authenticate")).toBe(http === 401);
  if (reason === "INVALID_FIELDS") return;
  expect(error.findDetails(ErrorInfoSchema)).toMatchObject([
    { reason, domain: "latchkey", metadata: { key_id: "key_1" } },
  ]);
});

test("the table has every reason", () => {
  expect(Object.keys(codes).sort()).toEqual(Object.keys(table).sort());
});

test("an error that the client can retry has a retry delay", () => {
  const resetAt = new Date(Date.now() + 30_000).toISOString();
  const limited = toConnectError(new DomainError("RATE_LIMITED", "slower", { reset_at: resetAt }), policy);
  expect(Number(limited.metadata.get("retry-after"))).toBeGreaterThanOrEqual(29);
  expect(limited.findDetails(RetryInfoSchema)).toHaveLength(1);
  const away = toConnectError(new Error("ECONNREFUSED 10.0.0.7"), { ...policy, isUnavailable: () => true });
  expect([away.code, away.metadata.get("retry-after")]).toEqual([Code.Unavailable, "1"]);
  expect(away.rawMessage).not.toContain("10.0.0.7");
  expect(toConnectError(new DomainError("NOT_FOUND", "x"), policy).metadata.has("retry-after")).toBe(false);
});

test("a busy account gets another error than an unreachable database", () => {
  const error = toConnectError(new Error("canceling statement"), {
    ...policy,
    isBusy: () => true,
    isUnavailable: () => true,
  });
  expect([error.code, error.metadata.get("retry-after")]).toEqual([Code.ResourceExhausted, "1"]);
  expect(error.findDetails(RetryInfoSchema)).toHaveLength(1);
  expect(error.rawMessage).toContain("the account is busy");
  expect(error.rawMessage).not.toContain("database");
});

test("the error of a bug goes to the log and not to the client", () => {
  const onBug = vi.fn();
  const bug = new Error('duplicate key value violates "user_email_key"');
  const error = toConnectError(bug, { ...policy, onBug });
  expect([error.code, error.rawMessage, error.details]).toEqual([Code.Internal, "internal error", []]);
  expect(onBug.mock.calls).toEqual([[bug]]);
});

test("the message names all invalid fields", () => {
  const error = invalidFields([
    { field: "name", description: "expected a name" },
    { field: "limit", description: "expected 0 or more" },
  ]);
  expect(toConnectError(error, policy).rawMessage).toBe("name: expected a name; limit: expected 0 or more");
});
