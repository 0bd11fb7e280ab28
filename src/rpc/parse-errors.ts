import type { DescMessage } from "@bufbuild/protobuf";
import { ConnectError, type ConnectRouter } from "@connectrpc/connect";
import type {
  UniversalHandler,
  UniversalServerRequest,
  UniversalServerResponse,
} from "@connectrpc/connect/protocol";
import { readAllBytes } from "@connectrpc/connect/protocol";
import { errorToJsonBytes } from "@connectrpc/connect/protocol-connect";
import { invalidFields } from "../domain/error.ts";
import { toConnectError } from "./errors.ts";
import { jsonViolations } from "./json-violations.ts";

// Errors are small; the parser's own may quote the value that it stumbled over.
const maxErrorBytes = 4 * 1024 * 1024;
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
  const type = request.header.get("content-type") ?? "";
  if (/^application\/grpc(-web(-text)?)?\+json/.test(type)) return unsupportedMediaType;
  const unary = request.method === "GET" || /^application\/(json|proto)\b/.test(type);
  if (!unary) return handler(request);
  const body = tee(request.body);
  const response = await handler({ ...request, body: body.stream });
  if (response.status !== 400 && response.status !== 500) return response;
  if (!response.body || response.header?.has("content-encoding")) return response;
  const bytes = await readAllBytes(toAsync(response.body), maxErrorBytes);
  if (!isParseError(bytes)) return { ...response, body: toAsync([bytes]) };
  const text = request.method === "GET" ? queryMessage(request.url) : body.text();
  const answer = explain(handler.method.input, type.startsWith("application/proto") ? undefined : text);
  const header = new Headers(response.header);
  header.set("content-length", String(answer.byteLength));
  return { ...response, status: 400, header, body: toAsync([answer]) };
}

// Connect's own parse errors carry no details; every refusal of ours does.
function isParseError(bytes: Uint8Array): boolean {
  const error = JSON.parse(new TextDecoder().decode(bytes)) as { message?: string; details?: unknown };
  return error.details === undefined && /^(cannot decode|parse binary)/.test(error.message ?? "");
}

function explain(schema: DescMessage, json: string | undefined): Uint8Array {
  const violations =
    json === undefined
      ? [{ field: "", description: `expected the bytes of a ${schema.typeName}` }]
      : jsonViolations(schema, json);
  const error = toConnectError(invalidFields(violations), { isUnavailable: () => false, onBug: () => {} });
  return errorToJsonBytes(ConnectError.from(error), undefined);
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
    text: () => Buffer.concat(chunks).toString(),
  };
}

function queryMessage(url: string): string {
  const query = new URL(url).searchParams;
  const message = query.get("message") ?? "";
  return query.get("base64") === "1" ? Buffer.from(message, "base64url").toString() : message;
}

async function* toAsync(chunks: Iterable<Uint8Array> | AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}
