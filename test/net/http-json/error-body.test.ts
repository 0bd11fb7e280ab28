import { Code, ConnectError } from "@connectrpc/connect";
import { expect, test } from "vitest";
import { UpdateApiKeyRequestSchema } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { DomainError, invalidFields, type Reason } from "../../../src/domain/kernel/error.ts";
import { errorResponse, httpError, httpErrorOf } from "../../../src/net/http-json/error-body.ts";
import { codes, toConnectError } from "../../../src/rpc/middleware/errors.ts";

const policy = { isUnavailable: () => false, isBusy: () => false, onBug: () => {} };
const connectErrorOf = (error: unknown) => toConnectError(error, policy);

function respond(error: unknown, accept?: string) {
  const { status, headers, body } = errorResponse(httpErrorOf(error, UpdateApiKeyRequestSchema), {
    accept,
    requestId: "request-1",
  });
  return { status, headers, json: JSON.parse(body) };
}

const statuses: Partial<Record<Code, number>> = {
  [Code.Unauthenticated]: 401,
  [Code.PermissionDenied]: 403,
  [Code.ResourceExhausted]: 429,
  [Code.FailedPrecondition]: 400,
  [Code.InvalidArgument]: 400,
  [Code.NotFound]: 404,
  [Code.AlreadyExists]: 409,
  [Code.Aborted]: 409,
  [Code.DeadlineExceeded]: 504,
  [Code.Unimplemented]: 501,
  [Code.Unavailable]: 503,
};

const reasons = (Object.keys(codes) as Reason[]).filter((reason) => reason !== "INVALID_FIELDS");

test.each(reasons)("%s is the code of the body, and has the status of the table", (reason) => {
  const { status, headers, json } = respond(
    connectErrorOf(new DomainError(reason, "why", { key_id: "key_1" })),
  );
  expect(status).toBe(statuses[codes[reason]]);
  expect(json).toEqual({
    success: false,
    error: { code: reason, message: "why", details: { key_id: "key_1" } },
  });
  expect(headers).toMatchObject({
    "content-type": "application/json",
    "cache-control": "no-store",
    "x-request-id": "request-1",
  });
  expect("www-authenticate" in headers).toBe(status === 401);
});

test("each wrong field is one entry of the details, with its path in the names of JSON", () => {
  const violations = [
    { field: "spec.expires_at", description: "expected a time" },
    { field: 'metadata.labels["a.external_id"]', description: "expected a label key" },
    { field: "metadata.not_there", description: "unknown field" },
    { field: "not_a.path", description: "unknown field" },
    { field: "spec.rate_limits[3].period", description: "expected a duration" },
    { field: "", description: "expected JSON" },
  ];
  const { status, json } = respond(connectErrorOf(invalidFields(violations)));
  expect(status).toBe(400);
  expect(json.error.code).toBe("INVALID_ARGUMENT");
  expect(json.error.details.fields.map(({ field }: { field: string }) => field)).toEqual([
    "spec.expiresAt",
    'metadata.labels["a.external_id"]',
    "metadata.not_there",
    "not_a.path",
    "spec.rateLimits[3].period",
    "",
  ]);
  expect(json.error.message).toMatch(/^spec\.expiresAt: expected a time; .*; expected JSON$/);
});

test("a long message about many fields stays as short as in the other protocols", () => {
  const violations = Array.from({ length: 32 }, () => ({
    field: "spec.expires_at",
    description: "x".repeat(200),
  }));
  const error = connectErrorOf(invalidFields(violations));
  const { message, details } = respond(error).json.error;
  expect(message).toHaveLength((error as ConnectError).rawMessage.length);
  expect(message).toMatch(/^spec\.expiresAt: x+; spec\.expiresAt.*…$/);
  expect(details.fields).toHaveLength(32);
});

test("an error without a reason has the code of Connect in upper case", () => {
  const { status, json } = respond(new ConnectError("no such thing", Code.NotFound));
  expect([status, json.error.code, json.error.details]).toEqual([404, "NOT_FOUND", {}]);
});

test("with Accept: application/problem+json, the body follows RFC 9457", () => {
  const error = connectErrorOf(
    new DomainError("REVOKED_API_KEY", "the bearer was revoked", { key_id: "key_1" }),
  );
  const { status, headers, json } = respond(error, "application/problem+json");
  expect(headers["content-type"]).toBe("application/problem+json");
  expect(json).toEqual({
    type: "urn:latchkey:error:REVOKED_API_KEY",
    title: "Revoked API key",
    status,
    detail: "the bearer was revoked",
    code: "REVOKED_API_KEY",
    details: { key_id: "key_1" },
    requestId: "request-1",
  });
});

test.each<[accept: string | undefined, problem: boolean]>([
  [undefined, false],
  ["*/*", false],
  ["application/*", false],
  ["application/json", false],
  ["application/problem+json", true],
  ["Application/Problem+JSON; charset=utf-8", true],
  ["application/json, application/problem+json", true],
  ["application/json;q=0.5, application/problem+json;q=0.4", false],
  ["application/json;q=0.4, application/problem+json;q=0.5", true],
  ["application/problem+json;q=0", false],
  ["text/application/problem+json", false],
])("Accept: %s asks for RFC 9457: %s", (accept, problem) => {
  const { headers } = respond(new ConnectError("x", Code.NotFound), accept);
  expect(headers["content-type"]).toBe(problem ? "application/problem+json" : "application/json");
});

test.each([
  new Error("select * from api_key"),
  new ConnectError("select * from api_key", Code.Internal),
  new ConnectError("select * from api_key", Code.Unknown),
  new ConnectError("select * from api_key", Code.DataLoss),
])("a bug is an internal error, and nothing else", (bug) => {
  for (const accept of ["*/*", "application/problem+json"]) {
    const { status, json } = respond(bug, accept);
    expect(status).toBe(500);
    expect(JSON.stringify(json)).not.toContain("select");
    expect(JSON.stringify(json)).toContain("internal error");
  }
});

test("a rate limit has Retry-After, and an error without a code of Connect has its own headers", () => {
  const resetAt = new Date(Date.now() + 10_000).toISOString();
  const limited = connectErrorOf(new DomainError("RATE_LIMITED", "too many calls", { reset_at: resetAt }));
  expect(Number(respond(limited).headers["retry-after"])).toBeGreaterThan(5);
  const wrongMethod = errorResponse(httpError(405, "METHOD_NOT_ALLOWED", "use GET", { allow: "GET" }), {});
  expect(wrongMethod).toMatchObject({ status: 405, headers: { allow: "GET" } });
  expect(wrongMethod.headers["content-length"]).toBe(String(Buffer.byteLength(wrongMethod.body)));
});

test("every 401 response has a challenge", () => {
  expect(respond(new ConnectError("who", Code.Unauthenticated)).headers["www-authenticate"]).toMatch(
    /^Bearer /,
  );
  expect(httpError(401, "INVALID_CLIENT", "wrong").headers["www-authenticate"]).toMatch(/^Bearer /);
});
