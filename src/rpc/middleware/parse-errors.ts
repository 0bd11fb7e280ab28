import { gunzipSync } from "node:zlib";
import type { DescMessage } from "@bufbuild/protobuf";
import type { ConnectError, ConnectRouter } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { readAllBytes } from "@connectrpc/connect/protocol";
import { errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { invalidFields } from "../../domain/kernel/error.ts";
import { type ErrorPolicy, toConnectError } from "./errors.ts";
import { jsonViolations } from "./json-violations.ts";

// Errors are small; the parser's own may quote the value that it stumbled over. Connect has held what it parsed to less.
const maxBytes = 4 * 1024 * 1024;
const unsupportedMediaType: UniversalServerResponse = { status: 415 };

/**
 * Lets a body that cannot be parsed be answered as every other wrong field is: `invalid_argument` with a `BadRequest`
 * that names the fields and never quotes a value. Connect parses before the first interceptor runs, so this wraps the
 * handlers of a router, after its services are registered. JSON inside gRPC framing is not spoken.
 */
export function explainParseErrors(router: ConnectRouter): void {
  for (const [index, handler] of router.handlers.entries()) {
    const explained = (request: UniversalServerRequest) => handle(handler, request);
    router.handlers[index] = Object.assign(explained, handler);
  }
}

async function handle(
  handler: UniversalHandler,
  request: UniversalServerRequest,
): Promise<UniversalServerResponse> {
  const type = request.header.get("content-type")?.toLowerCase() ?? "";
  if (/^application\/grpc(-web(-text)?)?\+json/.test(type)) return unsupportedMediaType;
  const isGet = request.method === "GET";
  if (!isGet && !/^application\/(json|proto)\b/.test(type)) return handler(request);
  const body = tee(request.body);
  const response = await handler({ ...request, body: body.stream });
  if (response.status !== 400 && response.status !== 500) return response;
  if (!response.body) return response;
  const bytes = await readAllBytes(toAsync(response.body), maxBytes);
  if (!isParseError(decompress(bytes, response.header?.get("content-encoding")))) {
    return { ...response, body: toAsync([bytes]) };
  }
  const sent = isGet
    ? queryMessage(new URL(request.url).searchParams)
    : {
        isJson: type.startsWith("application/json"),
        bytes: decompress(body.bytes(), request.header.get("content-encoding")),
      };
  const answer = errorToJsonBytes(parseError(handler.method.input, sent), undefined);
  const header = new Headers(response.header);
  header.delete("content-encoding");
  header.set("content-length", String(answer.byteLength));
  return { ...response, status: 400, header, body: toAsync([answer]) };
}

// Connect's own parse errors carry no details; every refusal of ours does.
function isParseError(bytes: Uint8Array): boolean {
  const error = JSON.parse(new TextDecoder().decode(bytes)) as { message?: string; details?: unknown };
  return error.details === undefined && /^(cannot decode|parse binary)/.test(error.message ?? "");
}

/** A message as it was sent. */
export interface Sent {
  isJson: boolean;
  bytes: Uint8Array;
}

// What is thrown here has a reason.
const noPolicy: ErrorPolicy = { isUnavailable: () => false, isBusy: () => false, onBug: () => {} };

/** What a client sees of a body that is no such message. */
export function parseError(schema: DescMessage, { isJson, bytes }: Sent): ConnectError {
  const violations = isJson
    ? jsonViolations(schema, new TextDecoder().decode(bytes))
    : [{ field: "", description: `expected the bytes of a ${schema.typeName}` }];
  return toConnectError(invalidFields(violations), noPolicy);
}

function tee(body: UniversalServerRequest["body"]) {
  const chunks: Uint8Array[] = [];
  async function* stream(source: AsyncIterable<Uint8Array>) {
    for await (const chunk of source) {
      chunks.push(chunk);
      yield chunk;
    }
  }
  const isStream = typeof body === "object" && body !== null && Symbol.asyncIterator in body;
  return {
    stream: isStream ? stream(body as AsyncIterable<Uint8Array>) : body,
    bytes: () => Buffer.concat(chunks),
  };
}

function queryMessage(query: URLSearchParams): Sent {
  const message = Buffer.from(query.get("message") ?? "", query.get("base64") === "1" ? "base64url" : "utf8");
  return { isJson: query.get("encoding") === "json", bytes: decompress(message, query.get("compression")) };
}

function decompress(bytes: Uint8Array, encoding: string | null | undefined): Uint8Array {
  return encoding === "gzip" ? gunzipSync(bytes, { maxOutputLength: maxBytes }) : bytes;
}

async function* toAsync(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}
