import type { DescMessage } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus, codeToString } from "@connectrpc/connect/protocol-connect";
import { BadRequestSchema, ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";
import { wantsProblem } from "./accept.ts";
import { jsonPath } from "./json-path.ts";

/** A wrong field of a request: its path in the names of JSON, and what the server expected. */
export interface WrongField {
  field: string;
  description: string;
}

/** What a client of HTTP/JSON learns about an error, in both formats. */
export interface HttpError {
  status: number;
  /** The reason of the error, or the code of Connect in upper case if the error has no reason. */
  code: string;
  message: string;
  details: Record<string, string | WrongField[]>;
  headers: Record<string, string>;
}

/** What the format of an error depends on. */
export interface ErrorRequest {
  /** The `Accept` header of the request. */
  accept?: string | null | undefined;
  requestId?: string | undefined;
}

/** A complete response with an error. */
export interface ErrorResponse {
  status: number;
  headers: Record<string, string>;
  body: string;
}

// The message of such an error may quote what no client should see.
const hiddenCodes: readonly Code[] = [Code.Internal, Code.Unknown, Code.DataLoss];

/** Returns the response to a request that failed: by default our own format, or RFC 9457 if the client asks for it. */
export function errorResponse(error: HttpError, { accept, requestId }: ErrorRequest): ErrorResponse {
  const asProblem = wantsProblem(accept);
  const body = JSON.stringify(asProblem ? problem(error, requestId) : envelope(error));
  const headers: Record<string, string> = {
    ...error.headers,
    "content-type": asProblem ? "application/problem+json" : "application/json",
    "content-length": String(Buffer.byteLength(body)),
    "cache-control": "no-store",
    ...(requestId !== undefined && { "x-request-id": requestId }),
  };
  return { status: error.status, headers, body };
}

/**
 * Returns what a client learns about an error. With `schema`, the schema of the request message, the paths of wrong fields
 * have the names of JSON. A bug is only ever `internal error`.
 */
export function httpErrorOf(error: unknown, schema?: DescMessage): HttpError {
  if (!(error instanceof ConnectError) || hiddenCodes.includes(error.code)) {
    return httpError(500, "INTERNAL", "internal error");
  }
  const [info] = error.findDetails(ErrorInfoSchema);
  const fields = error
    .findDetails(BadRequestSchema)
    .flatMap(({ fieldViolations }) => fieldViolations)
    .map(({ field, description }) => ({ field: schema ? jsonPath(schema, field) : field, description }));
  const status = codeToHttpStatus(error.code);
  return {
    status,
    code: info?.reason || codeToString(error.code).toUpperCase(),
    message: fields.length > 0 ? messageOf(fields, error.rawMessage) : error.rawMessage,
    details: { ...info?.metadata, ...(fields.length > 0 && { fields }) },
    headers: { ...challengeFor(status), ...Object.fromEntries(error.metadata) },
  };
}

/** Returns an error that has no code of Connect, such as `METHOD_NOT_ALLOWED`. */
export function httpError(
  status: number,
  code: string,
  message: string,
  headers: Record<string, string> = {},
): HttpError {
  return { status, code, message, details: {}, headers: { ...challengeFor(status), ...headers } };
}

// RFC 9110, 11.6.1: a 401 response has a challenge.
function challengeFor(status: number): Record<string, string> {
  return status === 401 ? { "www-authenticate": 'Bearer realm="latchkey"' } : {};
}

// A name in JSON is never longer than the name in the schema. So if the new message is longer, the old one was cut.
function messageOf(fields: readonly WrongField[], original: string): string {
  const message = fields
    .map(({ field, description }) => (field === "" ? description : `${field}: ${description}`))
    .join("; ");
  return message.length > original.length ? `${message.slice(0, original.length - 1)}…` : message;
}

function envelope({ code, message, details }: HttpError) {
  return { success: false, error: { code, message, details } };
}

function problem({ status, code, message, details }: HttpError, requestId: string | undefined) {
  return {
    type: `urn:latchkey:error:${code}`,
    title: titleOf(code),
    status,
    detail: message,
    code,
    details,
    requestId,
  };
}

// `INVALID_API_KEY` becomes "Invalid API key".
function titleOf(code: string): string {
  const words = code
    .toLowerCase()
    .replaceAll("_", " ")
    .replace(/\bapi\b/, "API");
  return words.charAt(0).toUpperCase() + words.slice(1);
}
