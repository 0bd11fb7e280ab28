import type { Document, Header, MediaType, Response, Schema } from "./document.ts";
import { type ErrorRow, errorTable } from "./error-table.ts";

const withRetry = ["429", "503"];

/** Returns the error responses of an operation, by status. */
export function errorResponses(statuses: readonly string[]): Record<string, Response> {
  return Object.fromEntries(statuses.map((status) => [status, ref(nameOf(status))]));
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
          content: contentOf(name),
        },
      ] as const,
  );
  const all = { ...schemas, ...Object.fromEntries(Object.values(errorTable).flatMap(schemasOf)) };
  return { headers, responses: Object.fromEntries(shared), schemas: all };
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

// A generator makes one type of each of these schemas.
function contentOf(kind: string): Record<string, MediaType> {
  return {
    "application/json": { schema: schema(`${kind}Error`) },
    "application/problem+json": { schema: schema(`${kind}Problem`) },
  };
}

function schemasOf({ name, description, codes }: ErrorRow): [string, Schema][] {
  const code: Schema = { properties: { code: { enum: codes } } };
  const ours: Schema = { allOf: [schema("ErrorResponse"), { properties: { error: code } }] };
  const problem: Schema = { allOf: [schema("ProblemDetails"), code] };
  return [
    [`${name}Error`, { description, ...ours }],
    [`${name}Problem`, { description, ...problem }],
  ];
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
const text = (description: string): Schema => ({ type: "string", description });
const details: Schema = {
  type: "object",
  description:
    "More about the error. Which members are present depends on the code. All except `fields` are text.",
  properties: {
    fields: {
      type: "array",
      maxItems: 32,
      description: "The wrong fields of the request.",
      items: schema("WrongField"),
    },
    key_id: text("The key that the token belongs to."),
    session_id: text("The session that the token belongs to."),
    expired_at: text("When the credential expired."),
    revoked_at: text("When the credential was revoked."),
    account_id: text("The account."),
    account_ids: text("The accounts to choose from, separated by commas."),
    workspace_id: text("The workspace."),
    environment: text("The environment of the credential."),
    permission: text("The permission that is missing."),
    entitlement: text("The entitlement that is missing."),
    limit: text("The number that is allowed."),
    remaining: text("The number that is left."),
    reset_at: text("When the limit starts again."),
    bound: text("The bound that the change would exceed."),
    id: text("The resource that exists already."),
    field: text("The field whose value is taken."),
  },
  // Not the schema of text: in TypeScript, `fields` would contradict it.
  additionalProperties: true,
};

const schemas: Record<string, Schema> = {
  ErrorResponse: {
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
  ProblemDetails: {
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
