import { once } from "node:events";
import { connect as connectHttp2 } from "node:http2";
import { connect as connectTcp } from "node:net";
import pg from "pg";

/** Makes one call at a time: sends body number `index`. Throws if the response is not the expected one. */
export type Caller = (index: number) => Promise<void>;

/** Several callers, and the function that closes their connections. */
export interface Callers {
  callers: Caller[];
  close(): Promise<void>;
}

/** The parts that all calls of a job share. */
export interface Target {
  port: number;
  path: string;
  contentType: string;
  bearer: string;
  /** Further headers. */
  headers?: Record<string, string>;
  bodies: readonly Uint8Array[];
  /** Bytes that every correct response contains. */
  expected: Uint8Array;
}

/**
 * Creates callers over HTTP/1.1 on bare sockets, one per caller. A client library would need more CPU time than some
 * servers, so the generator would limit the result.
 */
export async function http1Callers(target: Target, count: number): Promise<Callers> {
  const expected = Buffer.from(target.expected);
  const requests = target.bodies.map((body) => Buffer.concat([Buffer.from(head(target, body.length)), body]));
  const sockets = await Promise.all(
    Array.from({ length: count }, async () => {
      const socket = connectTcp({ host: "127.0.0.1", port: target.port, noDelay: true });
      await once(socket, "connect");
      return socket;
    }),
  );
  const callers = sockets.map((socket): Caller => {
    let received = Buffer.alloc(0);
    let settle: ((error?: Error) => void) | undefined;
    socket.on("data", (chunk) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      if (!isComplete(received)) return;
      const isExpected = received.subarray(9, 12).equals(ok) && received.includes(expected);
      const error = isExpected ? undefined : new Error(`unexpected response: ${received.toString("latin1")}`);
      received = Buffer.alloc(0);
      settle?.(error);
    });
    socket.on("error", (error) => settle?.(error));
    socket.on("close", () => settle?.(new Error("the server closed a connection")));
    return (index) =>
      new Promise((resolve, reject) => {
        settle = (error) => (error ? reject(error) : resolve());
        socket.write(pick(requests, index));
      });
  });
  return {
    callers,
    async close() {
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Creates callers of gRPC over HTTP/2 in plain text. They share at most five connections. */
export async function grpcCallers(target: Target, count: number): Promise<Callers> {
  const expected = Buffer.from(target.expected);
  const frames = target.bodies.map((body) => {
    const frame = Buffer.alloc(5 + body.length);
    frame.writeUInt32BE(body.length, 1);
    frame.set(body, 5);
    return frame;
  });
  const sessions = await Promise.all(
    Array.from({ length: Math.min(count, 5) }, async () => {
      const session = connectHttp2(`http://127.0.0.1:${target.port}`);
      await once(session, "connect");
      return session;
    }),
  );
  const headers = {
    ...target.headers,
    ":method": "POST",
    ":path": target.path,
    "content-type": "application/grpc+proto",
    te: "trailers",
    authorization: `Bearer ${target.bearer}`,
  };
  const caller = (_: unknown, number: number): Caller => {
    const session = pick(sessions, number);
    return (index) =>
      new Promise((resolve, reject) => {
        const stream = session.request(headers);
        const parts: Buffer[] = [];
        let status: unknown;
        stream.on("response", (response) => {
          status ??= response["grpc-status"];
        });
        stream.on("trailers", (trailers) => {
          status ??= trailers["grpc-status"];
        });
        stream.on("data", (part: Buffer) => parts.push(part));
        stream.on("error", reject);
        stream.on("close", () => {
          if (status === "0" && Buffer.concat(parts).includes(expected)) resolve();
          else reject(new Error(`unexpected response: grpc-status ${status}`));
        });
        stream.end(pick(frames, index));
      });
  };
  return {
    callers: Array.from({ length: count }, caller),
    async close() {
      for (const session of sessions) session.destroy();
    },
  };
}

/** Creates callers of a prepared look-up by primary key, through a pool as large as the service's pool. */
export async function lookupCallers(url: string, ids: readonly string[], count: number): Promise<Callers> {
  const pool = new pg.Pool({ connectionString: url, max: 10, application_name: "bench lookup" });
  const text =
    "select id, account_id, permissions, expires_at, disabled_at, revoked_at from api_key where id = $1";
  const caller: Caller = async (index) => {
    const { rowCount } = await pool.query({ name: "lookup", text, values: [pick(ids, index)] });
    if (rowCount !== 1) throw new Error("a key is missing");
  };
  return { callers: Array.from({ length: count }, () => caller), close: () => pool.end() };
}

const ok = Buffer.from("200");
const endOfHead = Buffer.from("\r\n\r\n");
const lastChunk = Buffer.from("0\r\n\r\n");

function head({ path, contentType, bearer, headers = {} }: Target, length: number): string {
  const lines = [
    `POST ${path} HTTP/1.1`,
    "host: 127.0.0.1",
    `content-type: ${contentType}`,
    `content-length: ${length}`,
    `authorization: Bearer ${bearer}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  return `${lines.join("\r\n")}\r\n\r\n`;
}

function isComplete(received: Buffer): boolean {
  const end = received.indexOf(endOfHead);
  if (end < 0) return false;
  const [, length] = /\r\ncontent-length: *(\d+)/i.exec(received.toString("latin1", 0, end)) ?? [];
  if (length !== undefined) return received.length >= end + endOfHead.length + Number(length);
  // The response is chunked. Only one call is in progress, so these bytes at the end show that it is complete.
  return received.subarray(-lastChunk.length).equals(lastChunk);
}

function pick<T>(list: readonly T[], index: number): T {
  const one = list[index % list.length];
  if (one === undefined) throw new Error("the job has no bodies");
  return one;
}
