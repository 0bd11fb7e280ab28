import type { JsonObject } from "@bufbuild/protobuf";
import { type Message, toJson, toJsonString } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import type { Codec, CodecResponse, FastPathOptions, Head, Payload } from "../fast-path/codec.ts";
import { bytesOf, connectCodec } from "../fast-path/connect-codec.ts";
import { gunzip, gzipFor, isGzip, tooLarge, unreadableBody } from "./content.ts";
import { type ErrorRequest, errorResponse, type HttpError, httpErrorOf } from "./error-body.ts";
import { bindPath, bindQuery, type Parameter } from "./query.ts";
import { requestMessage } from "./request-message.ts";
import type { Route } from "./route.ts";

/** A request of HTTP/JSON, as far as its codec depends on it. */
export interface HttpJsonCall {
  route: Route;
  /** The segments of the path, still encoded. */
  segments: readonly string[];
  parameters: readonly Parameter[];
  headers: Pick<Headers, "get">;
  /** Whether the client wants the headers only. */
  isHead: boolean;
  /** Whether headers show that the request has no body. */
  hasNoBody: boolean;
  maxBytes: number;
  /** Returns what the format of an error depends on. */
  errors(): ErrorRequest;
}

// What is known of a call after its headers were read.
interface State {
  path?: JsonObject;
  query?: JsonObject;
  /** An error that has no code of Connect, with the error that stands for it. */
  refusal?: { error: ConnectError; response: HttpError };
  /** The encoding of the response. */
  encoding?: string;
}

const json = connectCodec("json");

/** Creates the codec of one request of HTTP/JSON. It reads the message from the path, the query and the body. */
export function httpJsonCodec(call: HttpJsonCall): Codec {
  const { route, headers, isHead, errors } = call;
  const state: State = {};
  return {
    // A compressed body could be equal to another one that is not compressed.
    form: route.isPlain && !isGzip(headers) ? "json" : undefined,
    head: (_headers, maxTimeoutMs) => readHead(call, state, maxTimeoutMs),
    isEnough: json.isEnough,

    async parse(method, body, options) {
      const bytes = await readBody(call, state, body);
      const parse = (one: Uint8Array) => json.parse(method, Buffer.from(one), options);
      const { path = {}, query = {} } = state;
      return requestMessage(method, { route, path, query, body: bytes }, options, parse);
    },

    async encode({ method }, message, { jsonOptions }) {
      const body = bytesOf(responseText(route, message, jsonOptions));
      const compressed = method.output.field.pagination && (await gzipFor(headers, body));
      if (compressed) state.encoding = "gzip";
      return compressed ?? body;
    },

    // Only a route whose response is the whole message has a form.
    extend: json.extend,

    send(response, responseHeaders, payload) {
      if (state.encoding !== undefined) responseHeaders["content-encoding"] = state.encoding;
      sendJson(response, responseHeaders, payload, isHead);
    },

    fail(response, responseHeaders, error) {
      const { refusal } = state;
      const failure = refusal?.error === error ? refusal.response : httpErrorOf(error, route.method.input);
      sendError(response, responseHeaders, failure, errors(), isHead);
    },
  };
}

/** Sends an error of HTTP/JSON. */
export function sendError(
  response: CodecResponse,
  headers: Record<string, string>,
  error: HttpError,
  request: ErrorRequest,
  isHead: boolean,
): void {
  const { status, headers: own, body } = errorResponse(error, request);
  response.writeHead(status, { ...headers, ...own });
  if (isHead) response.end();
  else response.end(body);
}

function readHead(call: HttpJsonCall, state: State, maxTimeoutMs: number): Head {
  const { route, segments, parameters, headers, hasNoBody, maxBytes } = call;
  const timeout = json.head(headers, maxTimeoutMs);
  if (timeout.error) return timeout;
  const unreadable = hasNoBody || route.body === "none" ? undefined : unreadableBody(headers);
  if (unreadable) return { error: refusalOf(state, unreadable, Code.InvalidArgument) };
  if (Number(headers.get("content-length")) > maxBytes) {
    return { error: refusalOf(state, tooLarge(maxBytes), Code.ResourceExhausted) };
  }
  try {
    state.path = bindPath(route, segments);
    state.query = bindQuery(route, parameters);
  } catch (error) {
    if (error instanceof ConnectError) return { error };
    throw error;
  }
  return { ...timeout, hasNoBody };
}

async function readBody(
  { headers, maxBytes }: HttpJsonCall,
  state: State,
  body: Buffer,
): Promise<Uint8Array> {
  const bytes = body.length <= maxBytes && isGzip(headers) ? await gunzip(body, maxBytes) : body;
  if (bytes && bytes.length <= maxBytes) return bytes;
  throw refusalOf(state, tooLarge(maxBytes), Code.ResourceExhausted);
}

function refusalOf(state: State, response: HttpError, code: Code): ConnectError {
  const error = new ConnectError(response.message, code);
  state.refusal = { error, response };
  return error;
}

function responseText(
  { method, responseField }: Route,
  message: Message,
  jsonOptions: FastPathOptions["jsonOptions"],
): string {
  if (!responseField) return toJsonString(method.output, message, jsonOptions);
  const value: unknown = Reflect.get(message, responseField.localName);
  if (responseField.fieldKind === "message") {
    return value ? toJsonString(responseField.message, value as Message, jsonOptions) : "{}";
  }
  const whole = toJson(method.output, message, jsonOptions) as JsonObject;
  return JSON.stringify(whole[responseField.jsonName] ?? null);
}

function sendJson(
  response: CodecResponse,
  headers: Record<string, string>,
  payload: Payload,
  isHead: boolean,
): void {
  headers["content-type"] = "application/json";
  headers["content-length"] = String(payload.length);
  headers["cache-control"] = "no-store";
  response.writeHead(200, headers);
  if (isHead) response.end();
  else response.end(payload, "latin1");
}
