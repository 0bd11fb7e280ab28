import type { EventEmitter } from "node:events";
import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { onTestFinished } from "vitest";
import { createHealthStatus } from "../../../src/net/standard-services/health.ts";
import { connectRaw, handlerOf, openTestPort, shortLimits } from "./net.ts";
import { serveHealth } from "./standard-services.ts";

/** The bytes that every HTTP/2 client sends first. */
export const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/** The SETTINGS frame that follows the preface, in its smallest form. */
export const emptySettings = "\0\0\0\x04\0\0\0\0\0";
/** The start of a health check in HTTP/1.1. Its headers are incomplete. */
export const check =
  "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n";

/** The status of a healthy server. */
export const status = createHealthStatus();
status.set("", true);

/** Answers health checks with messages of at most 64 KiB. */
export const health = handlerOf((router) => serveHealth(router, status), { readMaxBytes: 64 * 1024 });

/** Opens a port that answers health checks and has short timeouts. */
export const openImpatientPort = () => openTestPort({ handler: health, limits: shortLimits });

/** Returns the report of a port that refused one connection. */
export function refused(reason: string) {
  return [{ reason, address: "127.0.0.1" }];
}

/** Opens an HTTP/2 connection that ends with the test. */
export function openSession(url: string, ca?: Buffer): ClientHttp2Session {
  const session = connectHttp2(url, { ca });
  session.on("error", () => {});
  onTestFinished(() => session.destroy());
  return session;
}

/** Calls the health check over HTTP/2. Without `body`, the request stays open. */
export function call(session: ClientHttp2Session, body?: string) {
  const stream = session.request({
    ":method": "POST",
    ":path": "/grpc.health.v1.Health/Check",
    "content-type": "application/json",
  });
  stream.on("error", () => {});
  if (body !== undefined) stream.end(body);
  return stream;
}

/** Waits until a socket or stream closes, with or without an error. */
export function closeOf(emitter: EventEmitter): Promise<unknown> {
  // `once()` of node:events would reject at an error.
  return new Promise((resolve) => emitter.once("close", resolve));
}

/** Reads a stream to its end. */
export async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const chunks = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

/** Waits until the port has closed two idle connections, one after the other. Every timeout of the port is shorter. */
export async function allTimeouts(port: { url: string; port: number }): Promise<void> {
  await closeOf(openSession(port.url));
  await (await connectRaw(port.port, check)).closed;
}
