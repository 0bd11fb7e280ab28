import { once } from "node:events";
import { type IncomingMessage, request as requestHttp1 } from "node:http";
import { connect } from "node:http2";
import { buffer } from "node:stream/consumers";
import { requireDescribed } from "../openapi/recorder.ts";

/** A request whose path and headers are sent as they are. `fetch` would normalize them. */
export interface RawRequest {
  method?: string;
  path: string;
  headers?: Record<string, string>;
  body?: string | Uint8Array;
  token?: string;
}

/** The response to such a request. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  bytes: Buffer;
  /** The body, if it is JSON. */
  json: unknown;
}

/** Sends a request over HTTP/1.1 or HTTP/2. Throws if the answer differs from gen/openapi.json. */
export async function sendRaw(url: string, version: 1 | 2, request: RawRequest): Promise<RawAnswer> {
  const { token, headers = {} } = request;
  const all = { ...(token !== undefined && { authorization: `Bearer ${token}` }), ...headers };
  const send = version === 1 ? overHttp1 : overHttp2;
  const answer = await send(url, { ...request, headers: all });
  const { method = "GET", path } = request;
  await requireDescribed({
    method,
    path: path.split("?", 1)[0] ?? "",
    status: answer.status,
    headers: new Headers(answer.headers),
    text: answer.bytes.toString(),
  });
  return answer;
}

async function overHttp1(
  url: string,
  { method = "GET", path, headers, body }: RawRequest,
): Promise<RawAnswer> {
  const { hostname, port } = new URL(url);
  const isChunked = headers?.["transfer-encoding"] !== undefined;
  const length: Record<string, string> =
    body === undefined || isChunked ? {} : { "content-length": String(Buffer.byteLength(body)) };
  const options = { hostname, port, method, path, headers: { ...length, ...headers }, agent: false };
  const sent = requestHttp1(options);
  const responded = once(sent, "response") as Promise<[IncomingMessage]>;
  if (body === undefined) sent.end();
  else sent.end(body);
  const [response] = await responded;
  return answerOf(response.statusCode ?? 0, response.headers, await buffer(response));
}

async function overHttp2(
  url: string,
  { method = "GET", path, headers, body }: RawRequest,
): Promise<RawAnswer> {
  const session = connect(url);
  try {
    const stream = session.request(
      { ":method": method, ":path": path, ...headers },
      { endStream: body === undefined },
    );
    const responded = once(stream, "response") as Promise<[Record<string, unknown>]>;
    if (body !== undefined) stream.end(body);
    const [head] = await responded;
    return answerOf(Number(head[":status"]), head, await buffer(stream));
  } finally {
    session.destroy();
  }
}

function answerOf(status: number, headers: Record<string, unknown>, bytes: Buffer): RawAnswer {
  const own = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
  const json = String(headers["content-type"]).includes("json") && headers["content-encoding"] === undefined;
  return {
    status,
    headers: Object.fromEntries(own.map(([name, value]) => [name, String(value)])),
    bytes,
    json: json && bytes.length > 0 ? JSON.parse(bytes.toString()) : undefined,
  };
}
