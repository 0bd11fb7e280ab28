import { gunzipSync } from "node:zlib";
import { type DescMessage, fromBinary, fromJsonString } from "@bufbuild/protobuf";
import type { ConnectError, ConnectRouter } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { codeToHttpStatus, errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { invalidFields } from "../../domain/kernel/error.ts";
import { jsonOptions } from "../json-options.ts";
import { recordOf } from "./context.ts";
import { fromDomain } from "./errors.ts";
import { jsonViolations } from "./json-violations.ts";
import type { BoundsOf } from "./message-bounds.ts";
import { codeName, errorBeforeInterceptors } from "./outcome.ts";

const unsupportedMediaType: UniversalServerResponse = { status: 415 };

/**
 * Replaces Connect's error for a body that cannot be parsed by the error of invalid fields: `invalid_argument` with a
 * `BadRequest` that names the fields and never quotes a value. Connect parses before the first interceptor runs, and its own
 * error may quote values. Therefore, this wraps the handlers of a router: call it after all services are registered. JSON in
 * gRPC frames is not supported.
 */
export function explainParseErrors(router: ConnectRouter, boundsOf: BoundsOf): void {
  for (const [index, handler] of router.handlers.entries()) {
    const { maxBytes } = boundsOf(handler.method.input);
    const explained = (request: UniversalServerRequest) => handle(handler, maxBytes, request);
    router.handlers[index] = Object.assign(explained, handler);
  }
}

async function handle(
  handler: UniversalHandler,
  maxBytes: number,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const type = request.header.get("content-type")?.toLowerCase() ?? "";
  if (/^application\/grpc(-web(-text)?)?\+json/.test(type)) return unsupportedMediaType;
  const isGet = request.method === "GET";
  if (!isGet && !/^application\/(json|proto)\b/.test(type)) return handler(request);
  const body = tee(request.body);
  const response = await handler({ ...request, body: body.stream });
  const record = request.contextValues && recordOf(request.contextValues);
  if (!record || !errorBeforeInterceptors(record)) return response;
  const sent = isGet
    ? sentInQuery(new URL(request.url).searchParams, maxBytes)
    : sentInBody(type, body.read());
  if (!sent || parses(handler.method.input, sent)) return response;
  const error = parseError(handler.method.input, sent);
  record.code = codeName(error.code);
  return replaceError(response, error);
}

/** A message as the client sent it. */
export interface Sent {
  isJson: boolean;
  bytes: Uint8Array;
}

/** Returns the error for a body that cannot be parsed as a message of this schema. */
export function parseError(schema: DescMessage, { isJson, bytes }: Sent): ConnectError {
  const violations = isJson
    ? jsonViolations(schema, new TextDecoder().decode(bytes))
    : [{ field: "", description: `expected the bytes of a ${schema.typeName}` }];
  return fromDomain(invalidFields(violations));
}

function parses(schema: DescMessage, { isJson, bytes }: Sent): boolean {
  try {
    if (isJson) fromJsonString(schema, new TextDecoder().decode(bytes));
    else fromBinary(schema, bytes, { readUnknownFields: false });
    return true;
  } catch {
    return false;
  }
}

// `read` returns the whole body, or undefined if Connect rejected the request before it had read all of it.
function tee(body: UniversalServerRequest["body"]) {
  const chunks: Uint8Array[] = [];
  let complete = false;
  async function* stream(source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      chunks.push(chunk);
      yield chunk;
    }
    complete = true;
  }
  const isStream = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
  return {
    stream: isStream ? stream(body as AsyncIterable<Uint8Array>) : body,
    read: () => (complete ? Buffer.concat(chunks) : undefined),
  };
}

// The body is decompressed already.
function sentInBody(type: string, bytes: Uint8Array | undefined): Sent | undefined {
  return bytes && { isJson: type.startsWith("application/json"), bytes };
}

function sentInQuery(query: URLSearchParams, maxBytes: number): Sent | undefined {
  const message = Buffer.from(query.get("message") ?? "", query.get("base64") === "1" ? "base64url" : "utf8");
  const isJson = query.get("encoding") === "json";
  if (query.get("compression") !== "gzip") return { isJson, bytes: message };
  try {
    return { isJson, bytes: gunzipSync(message, { maxOutputLength: maxBytes }) };
  } catch {
    return undefined;
  }
}

function replaceError(response: UniversalServerResponse, error: ConnectError): UniversalServerResponse {
  const body = errorToJsonBytes(error, jsonOptions);
  const header = new Headers(response.header);
  header.delete("content-encoding");
  header.set("content-length", String(body.byteLength));
  return { ...response, status: codeToHttpStatus(error.code), header, body: iterate(body) };
}

async function* iterate(chunk: Uint8Array): AsyncIterable<Uint8Array> {
  yield chunk;
}
