import type { Document, Header, MediaType, Response, Schema } from "./document.ts";

/**
 * The codes of each error response, in the order of docs/errors.md. A code is a reason, or the code of Connect in upper case.
 * A test compares this table with the reasons of the server.
 */
export const errorTable: Record<string, { name: string; description: string; codes: string[] }> = {
  "400": {
    name: "BadRequest",
    description: "A field is wrong (`INVALID_ARGUMENT`), or the state of a resource does not allow the call.",
    codes: [
      "INVALID_ARGUMENT",
      "ACCOUNT_REQUIRED",
      "LAST_OWNER",
      "SYSTEM_KEY",
      "IN_USE",
      "ALREADY_USED",
      "WRONG_STATE",
      "BOUND_EXCEEDED",
      "FAILED_PRECONDITION",
      "OUT_OF_RANGE",
    ],
  },
  "401": {
    name: "Unauthenticated",
    description: "The request has no bearer, or the server does not accept it.",
    codes: [
      "MISSING_API_KEY",
      "INVALID_API_KEY",
      "EXPIRED_API_KEY",
      "REVOKED_API_KEY",
      "DISABLED_API_KEY",
      "INVALID_SESSION",
      "EXPIRED_SESSION",
      "REVOKED_SESSION",
      "INVALID_CREDENTIALS",
      "LOGIN_REQUIRED",
      "UNAUTHENTICATED",
    ],
  },
  "403": {
    name: "PermissionDenied",
    description: "The bearer may not make this call.",
    codes: [
      "ACCOUNT_MISMATCH",
      "ACCOUNT_SUSPENDED",
      "ENVIRONMENT_MISMATCH",
      "WORKSPACE_FORBIDDEN",
      "WORKSPACE_ARCHIVED",
      "PERMISSION_DENIED",
      "ENTITLEMENT_REQUIRED",
    ],
  },
  "404": {
    name: "NotFound",
    description: "The resource does not exist, or it belongs to another account.",
    codes: ["NOT_FOUND"],
  },
  "409": {
    name: "Conflict",
    description: "Another resource or another change is in the way.",
    codes: ["ALREADY_EXISTS", "ETAG_MISMATCH", "CONFLICT", "ABORTED"],
  },
  "413": {
    name: "ContentTooLarge",
    description: "The body is larger than this operation allows.",
    codes: ["CONTENT_TOO_LARGE"],
  },
  "415": {
    name: "UnsupportedMediaType",
    description:
      "The content type of the request is not `application/json`, or the content encoding is not supported.",
    codes: ["UNSUPPORTED_MEDIA_TYPE"],
  },
  "429": {
    name: "RateLimited",
    description: "A rate limit or a quota is exhausted. `Retry-After` says when to try again.",
    codes: ["RATE_LIMITED", "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"],
  },
  "500": {
    name: "Internal",
    description: "A bug in Latchkey. The log of the server contains the cause.",
    codes: ["INTERNAL"],
  },
  "501": {
    name: "Unimplemented",
    description: "The server does not support this yet.",
    codes: ["UNIMPLEMENTED"],
  },
  "503": {
    name: "Unavailable",
    description: "The server cannot answer now. `Retry-After` says when to try again.",
    codes: ["UNAVAILABLE"],
  },
  "504": {
    name: "DeadlineExceeded",
    description:
      "The time of the call ended. `REVOCATION_PENDING`: the server saved the change, but not all instances confirmed it.",
    codes: ["REVOCATION_PENDING", "DEADLINE_EXCEEDED"],
  },
};

const withRetry = ["429", "503"];

/** Returns the error responses of an operation, by status. */
export function errorResponses(statuses: readonly string[]): Record<string, Response> {
  const named = statuses.map((status) => [status, ref(nameOf(status))] as const);
  return Object.fromEntries([...named, ["default", ref("Error")]]);
}

/** Returns the shared responses, headers and schemas of errors. */
export function errorComponents(): Pick<Document["components"], "headers" | "responses" | "schemas"> {
  const shared = Object.entries(errorTable).map(
    ([status, { name, description, codes }]) =>
      [
        name,
        {
          description: `${description} Codes: ${codes.map((code) => `\`${code}\``).join(", ")}.`,
          headers: headersOf(status),
          content: contentOf(codes),
        },
      ] as const,
  );
  const any = { description: "Every other error.", headers: headersOf(""), content: contentOf() };
  return { headers, responses: { ...Object.fromEntries(shared), Error: any }, schemas };
}

function nameOf(status: string): string {
  const row = errorTable[status];
  if (!row) throw new Error(`the table of errors has no status ${status}`);
  return row.name;
}

const ref = (name: string) => ({ $ref: `#/components/responses/${name}` });
const schema = (name: string) => ({ $ref: `#/components/schemas/${name}` });

function headersOf(status: string): Record<string, { $ref: string }> {
  const names = [
    "X-Request-Id",
    ...(status === "401" ? ["WWW-Authenticate"] : []),
    ...(withRetry.includes(status) ? ["Retry-After"] : []),
  ];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}

function contentOf(codes?: string[]): Record<string, MediaType> {
  const code: Schema = { properties: { code: { enum: codes ?? [] } } };
  const ours: Schema = { allOf: [schema("Error"), { properties: { error: code } }] };
  const problem: Schema = { allOf: [schema("Problem"), code] };
  return {
    "application/json": { schema: codes ? ours : schema("Error") },
    "application/problem+json": { schema: codes ? problem : schema("Problem") },
  };
}

const headers: Record<string, Header> = {
  "X-Request-Id": {
    description: "The id of the request, which the log and the audit events contain.",
    required: true,
    schema: { type: "string", maxLength: 36 },
  },
  "WWW-Authenticate": {
    description: "The challenge of RFC 6750.",
    required: true,
    schema: { type: "string", pattern: "^Bearer " },
  },
  "Retry-After": {
    description: "The number of seconds after which to try again.",
    schema: { type: "string", pattern: "^[1-9][0-9]*$" },
  },
};

const code: Schema = {
  type: "string",
  pattern: "^[A-Z][A-Z_]*$",
  description: "The reason of the error. docs/errors.md lists the reasons.",
};
const details: Schema = {
  type: "object",
  description: "More about the error. Which members are present depends on the code.",
  properties: {
    fields: {
      type: "array",
      maxItems: 32,
      description: "The wrong fields of the request.",
      items: schema("WrongField"),
    },
  },
  additionalProperties: { type: "string" },
};

const schemas: Record<string, Schema> = {
  Error: {
    type: "object",
    description: "An error in the default format.",
    required: ["success", "error"],
    properties: {
      success: { type: "boolean", const: false },
      error: {
        type: "object",
        required: ["code", "message", "details"],
        properties: {
          code,
          message: { type: "string", description: "What is wrong and what to do, for a person." },
          details,
        },
      },
    },
  },
  Problem: {
    type: "object",
    description:
      "An error as RFC 9457 defines it, for requests with `Accept: application/problem+json`. " +
      "`code` and `details` are the same as in the default format.",
    required: ["type", "title", "status", "detail", "code", "details"],
    properties: {
      type: { type: "string", format: "uri", description: "The code as a URN." },
      title: { type: "string", description: "The code in words." },
      status: { type: "integer", minimum: 400, maximum: 599, description: "The HTTP status." },
      detail: { type: "string", description: "What is wrong and what to do, for a person." },
      code,
      details,
      requestId: { type: "string", description: "The id of the request." },
    },
  },
  WrongField: {
    type: "object",
    description: "A wrong field of a request.",
    required: ["field", "description"],
    properties: {
      field: {
        type: "string",
        description: "The path of the field in the names of JSON. It is empty for the whole body.",
      },
      description: { type: "string", description: "What the server expected." },
    },
  },
};
