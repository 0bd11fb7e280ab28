import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from "node:http2";
import type { Readable } from "node:stream";
import { text } from "node:stream/consumers";
import type { App } from "../../../src/app/app.ts";
import { defaultLimits } from "../../../src/net/limits.ts";
import { openPort } from "../../../src/net/port.ts";
import type { Handler, HandlerOf, Request, Response } from "../../../src/net/request.ts";
import type { CallRecord } from "../../../src/rpc/middleware/context.ts";
import type { Protocol, WireResponse } from "./protocol.ts";

/** A request to the service, with its body in two parts. */
export interface StalledRequest {
  protocol: Protocol;
  httpMethod?: string;
  path: string;
  headers: Record<string, string>;
  body: Uint8Array;
}

/** A request whose headers and part of whose body have arrived, and whose bearer has passed the auth interceptor. */
export interface Stalled {
  /** Sends the rest and reads the response. */
  finish(): Promise<WireResponse>;
}

/** The service on its own port, and a client that stalls. */
export interface StallingClient {
  begin(request: StalledRequest): Promise<Stalled>;
  close(): Promise<void>;
}

/** Serves an app on loopback, and connects to it once by each HTTP version. */
export async function openStallingClient(app: Omit<App, "close">): Promise<StallingClient> {
  const interceptor = watchAuthInterceptor();
  const port = await openPort({
    host: "127.0.0.1",
    port: 0,
    handler: interceptor.watch(app.handler) as Handler,
    plain: { accepts: app.plain.accepts, handler: interceptor.watch(app.plain.handler) },
    limits: { ...defaultLimits, drainGraceMs: 100 },
  });
  const agent = new Agent({ keepAlive: true });
  const session = connect(port.url);
  session.on("error", () => {});
  let count = 0;
  return {
    async begin({ protocol, httpMethod = "POST", path, headers, body }) {
      count += 1;
      const id = `stalled-${count}`;
      const all = { ...protocol.headers, ...headers, "x-request-id": id };
      const half = Math.floor(body.length / 2);
      const [first, rest] = [body.subarray(0, half), body.subarray(half)];
      const begin =
        protocol.httpVersion === 1 ? overHttp1(agent, port.port, httpMethod) : overHttp2(session, httpMethod);
      const finish = begin(path, { ...all, "content-length": String(body.length) }, first, rest);
      await interceptor.passed(id);
      return { finish };
    },
    async close() {
      agent.destroy();
      session.destroy();
      await port.drain();
    },
  };
}

type Begin = (
  path: string,
  headers: Record<string, string>,
  first: Uint8Array,
  rest: Uint8Array,
) => () => Promise<WireResponse>;

function overHttp1(agent: Agent, port: number, method: string): Begin {
  return (path, headers, first, rest) => {
    const sent = request({ port, host: "127.0.0.1", method, path, headers, agent });
    const response = once(sent, "response").then(async ([message]: IncomingMessage[]) => {
      if (!message) throw new Error("no response");
      const body = await bytesOf(message);
      const { statusCode = 0, trailers } = message;
      return { status: statusCode, headers: toHeaders(message.headers), body, trailers: toHeaders(trailers) };
    });
    response.catch(() => {});
    sent.flushHeaders();
    sent.write(first);
    return () => {
      sent.end(rest);
      return response;
    };
  };
}

function overHttp2(session: ClientHttp2Session, method: string): Begin {
  return (path, headers, first, rest) => {
    // Node ends a GET and a DELETE at once by default.
    const stream = session.request({ ":method": method, ":path": path, ...headers }, { endStream: false });
    let trailers: IncomingHttpHeaders = {};
    stream.on("trailers", (received: IncomingHttpHeaders) => {
      trailers = received;
    });
    const response = once(stream, "response").then(async ([received]: IncomingHttpHeaders[]) => {
      const body = await bytesOf(stream);
      const status = Number(received?.[":status"] ?? 0);
      return { status, headers: toHeaders(received ?? {}), body, trailers: toHeaders(trailers) };
    });
    response.catch(() => {});
    stream.write(first);
    return () => {
      stream.end(rest);
      return response;
    };
  };
}

async function bytesOf(stream: Readable): Promise<Buffer> {
  stream.setEncoding("latin1");
  return Buffer.from(await text(stream), "latin1");
}

function toHeaders(received: IncomingHttpHeaders | NodeJS.Dict<string>): Headers {
  const entries = Object.entries(received).filter(([name]) => !name.startsWith(":"));
  return new Headers(entries.map(([name, value]) => [name, String(value)]));
}

/** Detects that the bearer of a request has passed the auth interceptor, by the service's record of the call. */
function watchAuthInterceptor() {
  const arrived = new Map<string, (record: CallRecord) => void>();
  return {
    watch<Q extends Request, S extends Response>(handler: HandlerOf<Q, S>): HandlerOf<Q, S> {
      return (incoming, response) => {
        handler(incoming, response);
        const record = recordOf(incoming);
        if (record) arrived.get(record.requestId)?.(record);
      };
    },
    async passed(id: string): Promise<void> {
      const record = await new Promise<CallRecord>((resolve) => arrived.set(id, resolve));
      arrived.delete(id);
      while (!record.passed && record.code === undefined) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    },
  };
}

function recordOf(incoming: Request): CallRecord | undefined {
  const key = Object.getOwnPropertySymbols(incoming).find((symbol) => symbol.description === "record");
  return key && (Reflect.get(incoming, key) as CallRecord);
}
