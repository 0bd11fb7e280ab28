import type { ClientHttp2Session, IncomingHttpHeaders } from "node:http2";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync } from "node:zlib";
import type { WireRequest } from "./requests.ts";

// If the server responds to an incomplete request at all, it does so within this time. It is a sum of steps: the server is in
// this process, so each step gives it a turn, also on a busy machine.
const responseSteps = 30;
const stepMs = 50;

/** A response as received, down to how the stream or connection ended. */
export interface WireResponse {
  status: number | string;
  headers: Record<string, string>;
  body: Buffer;
  trailers: Record<string, string>;
  /** The error with which the stream or the connection ended, if any. */
  ended?: string | number;
}

/** Sends pipelined requests on one HTTP/1.1 connection. The last request closes it. */
export async function overHttp1(port: number, requests: WireRequest[]): Promise<WireResponse[]> {
  const socket = connect({ port, host: "127.0.0.1" });
  const received: Buffer[] = [];
  let ended: string | undefined;
  socket.on("data", (chunk) => received.push(chunk));
  socket.on("error", (error: NodeJS.ErrnoException) => {
    ended = error.code;
  });
  const closed = new Promise((resolve) => socket.once("close", resolve));
  for (const [index, request] of requests.entries()) {
    socket.write(headOf(request, index === requests.length - 1));
    for (const chunk of request.chunks) socket.write(frame(request, chunk));
    if (request.chunks.length > 0 && request.length === "absent") socket.write("0\r\n\r\n");
    // The missing part of a body never follows.
    if (typeof request.length === "number" && request.length > 0) {
      void elapse().then(() => socket.end());
    }
  }
  const timer = setTimeout(() => {
    ended = "silence";
    socket.destroy();
  }, 20_000);
  await closed;
  clearTimeout(timer);
  const responses = parseHttp1(Buffer.concat(received), requests);
  return ended === undefined ? responses : [...responses, { ...emptyResponse(), ended }];
}

async function elapse(): Promise<void> {
  for (let step = 0; step < responseSteps; step++) await delay(stepMs);
}

/** Sends a request on an HTTP/2 connection. */
export function overHttp2(session: ClientHttp2Session, request: WireRequest): Promise<WireResponse> {
  return new Promise((resolve) => {
    const length = lengthOf(request);
    const stream = session.request(
      {
        ":method": request.method,
        ":path": request.path,
        ...request.headers,
        ...(length !== undefined && { "content-length": length }),
      },
      { endStream: request.chunks.length === 0 },
    );
    const response = emptyResponse();
    const received: Buffer[] = [];
    stream.on("response", (headers) => {
      response.status = headers[":status"] ?? 0;
      response.headers = flat(headers);
    });
    stream.on("trailers", (trailers) => {
      response.trailers = flat(trailers);
    });
    stream.on("data", (chunk: Buffer) => received.push(chunk));
    stream.on("error", () => {});
    stream.setTimeout(20_000, () => stream.close(8));
    stream.once("close", () => {
      const code = stream.rstCode;
      resolve({ ...response, body: Buffer.concat(received), ...(code !== 0 && { ended: code }) });
    });
    for (const chunk of request.chunks) stream.write(chunk);
    if (request.chunks.length > 0) stream.end();
  });
}

/**
 * Returns a response without the parts that may differ: the date, an id that the server chose, and the compression, because
 * the fast path does not compress. JSON becomes an object, and gRPC frames become their contents.
 */
export function comparable({ status, headers, body, trailers, ended }: WireResponse): object {
  const { date, "x-request-id": id, "content-length": length, ...kept } = headers;
  const { "content-encoding": encoding, "grpc-encoding": grpcEncoding, ...rest } = kept;
  const plain = encoding === "gzip" ? gunzipSync(body) : body;
  const type = headers["content-type"] ?? "";
  return {
    status,
    headers: rest,
    dated: date !== undefined,
    id: id !== undefined && /^[0-9a-z]{26}$/.test(id) ? "chosen" : id,
    length:
      encoding === "gzip" || length === undefined ? (length ?? encoding) && "some" : lengthText(length, body),
    body: type.startsWith("application/grpc")
      ? framesOf(plain)
      : type === "application/json"
        ? parseJson(plain.toString())
        : plain.toString("hex"),
    trailers,
    ended,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return `not JSON: ${text}`;
  }
}

function lengthText(length: string, body: Buffer): string {
  return Number(length) === body.length ? "some" : `${length}, but ${body.length} arrived`;
}

function framesOf(body: Buffer): string[] {
  const frames: string[] = [];
  let rest = body;
  while (rest.length >= 5) {
    const end = 5 + rest.readUInt32BE(1);
    const data = rest.subarray(5, end);
    frames.push((rest[0] === 1 ? gunzipSync(data) : data).toString("hex"));
    rest = rest.subarray(end);
  }
  return rest.length > 0 ? [...frames, `rest ${rest.toString("hex")}`] : frames;
}

function emptyResponse(): WireResponse {
  return { status: "none", headers: {}, body: Buffer.alloc(0), trailers: {} };
}

function lengthOf({ chunks, length }: WireRequest): number | undefined {
  if (length === "absent" || chunks.length === 0) return undefined;
  const real = chunks.reduce((sum, chunk) => sum + chunk.length, 0);
  return Math.max(0, real + (length === "exact" ? 0 : length));
}

function headOf(request: WireRequest, isLast: boolean): Buffer {
  const length = lengthOf(request);
  const lines = Object.entries({
    host: "latchkey.test",
    ...request.headers,
    ...(length !== undefined && { "content-length": length }),
    ...(length === undefined && request.chunks.length > 0 && { "transfer-encoding": "chunked" }),
    connection: isLast ? "close" : "keep-alive",
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${request.method} ${request.path} HTTP/1.1\r\n${lines.join("")}\r\n`, "latin1");
}

function frame({ length }: WireRequest, chunk: Uint8Array): Uint8Array {
  if (length !== "absent") return chunk;
  if (chunk.length === 0) return chunk;
  return Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from("\r\n")]);
}

function flat(headers: IncomingHttpHeaders): Record<string, string> {
  const entries = Object.entries(headers).filter(([name]) => !name.startsWith(":"));
  return Object.fromEntries(entries.map(([name, value]) => [name, String(value)]));
}

function parseHttp1(bytes: Buffer, requests: WireRequest[]): WireResponse[] {
  const responses: WireResponse[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const end = rest.indexOf("\r\n\r\n");
    if (end < 0) return [...responses, { ...emptyResponse(), body: rest, ended: "incomplete head" }];
    const [first = "", ...lines] = rest.subarray(0, end).toString("latin1").split("\r\n");
    const headers = headersOf(lines);
    const status = Number(first.split(" ")[1]);
    rest = rest.subarray(end + 4);
    // The final response follows an interim one.
    if (status === 100) continue;
    const response = { ...emptyResponse(), status, headers };
    const isHead = requests[responses.length]?.method === "HEAD";
    if (isHead || status === 204) responses.push(response);
    else if (headers["transfer-encoding"] === "chunked") {
      const chunked = parseChunked(rest);
      responses.push({ ...response, body: chunked.body, trailers: chunked.trailers });
      rest = chunked.rest;
    } else {
      const length = Number(headers["content-length"] ?? rest.length);
      responses.push({ ...response, body: rest.subarray(0, length) });
      rest = rest.subarray(length);
    }
  }
  return responses;
}

function parseChunked(bytes: Buffer) {
  const chunks: Buffer[] = [];
  let rest = bytes;
  for (;;) {
    const end = rest.indexOf("\r\n");
    const size = Number.parseInt(rest.subarray(0, end).toString(), 16);
    if (end < 0 || Number.isNaN(size))
      return { body: Buffer.concat(chunks), trailers: {}, rest: Buffer.alloc(0) };
    rest = rest.subarray(end + 2);
    if (size === 0) break;
    chunks.push(rest.subarray(0, size));
    rest = rest.subarray(size + 2);
  }
  const lines: string[] = [];
  for (let end = rest.indexOf("\r\n"); end > 0; end = rest.indexOf("\r\n")) {
    lines.push(rest.subarray(0, end).toString("latin1"));
    rest = rest.subarray(end + 2);
  }
  return { body: Buffer.concat(chunks), trailers: headersOf(lines), rest: rest.subarray(2) };
}

function headersOf(lines: string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  return headers;
}
