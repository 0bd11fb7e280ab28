import { execFileSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import { onTestFinished } from "vitest";
import type { Eviction } from "../../../src/net/admission.ts";
import { defaultLimits, type Limits } from "../../../src/net/limits.ts";
import { openPort, type PortOptions } from "../../../src/net/port.ts";
import type { RefusedConnection } from "../../../src/net/refused-connections.ts";
import type { Handler } from "../../../src/net/request.ts";

/** Limits with short timeouts, so that tests of slow clients are fast. */
export const shortLimits: Limits = {
  ...defaultLimits,
  prefaceTimeoutMs: 150,
  headersTimeoutMs: 250,
  requestTimeoutMs: 300,
  idleTimeoutMs: 300,
  checkIntervalMs: 20,
  lingerMs: 100,
  drainGraceMs: 500,
};

/** Opens a loopback port that ends with the test. Collects its refused and evicted connections. */
export async function openTestPort(options: Partial<PortOptions> & Pick<PortOptions, "handler">) {
  const refusals: RefusedConnection[] = [];
  const evictions: Eviction[] = [];
  const port = await openPort({
    host: "127.0.0.1",
    port: 0,
    limits: { ...defaultLimits, drainGraceMs: 500 },
    onRefusal: (refused) => refusals.push(refused),
    onEviction: (eviction) => evictions.push(eviction),
    ...options,
  });
  onTestFinished(() => port.drain());
  return {
    ...port,
    /** The evictions so far. */
    evictions,
    /** Drains the port. Returns all refused connections. */
    async refusals(): Promise<RefusedConnection[]> {
      await port.drain();
      return refusals;
    },
  };
}

/** Creates a handler from a router. */
export function handlerOf(
  routes: (router: ConnectRouter) => void,
  options: ConnectRouterOptions = {},
): Handler {
  return connectNodeAdapter({ routes, ...options });
}

/** A client that sends and receives raw bytes. */
export type Raw = {
  socket: Socket;
  write(bytes: string | Uint8Array): void;
  /** Resolves when the connection has closed, with all received bytes as Latin-1. */
  closed: Promise<string>;
};

/** Connects, and sends `first` if set. `localAddress` is the client's address. It may be any address of 127.0.0.0/8. */
export async function connectRaw(
  port: number,
  first?: string | Uint8Array,
  options: { allowHalfOpen?: boolean; localAddress?: string } = {},
): Promise<Raw> {
  const socket = connect({ port, host: "127.0.0.1", ...options });
  let received = "";
  socket.setEncoding("latin1").on("data", (chunk: string) => {
    received += chunk;
  });
  socket.on("error", () => {});
  const closed = new Promise<string>((resolve) => socket.once("close", () => resolve(received)));
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect").catch((error: NodeJS.ErrnoException) => {
    // The server may reset the connection before the client sees that it was established.
    if (error.code !== "ECONNRESET") throw error;
  });
  if (first !== undefined) socket.write(first);
  return { socket, write: (bytes) => void (socket.writable && socket.write(bytes)), closed };
}

/** Sends the same bytes every 20 ms until the connection closes. No timeout between two bytes can end it. */
export function trickle(raw: Raw, bytes: string): void {
  const timer = setInterval(() => raw.write(bytes), 20);
  raw.socket.once("close", () => clearInterval(timer));
}

/** Creates a self-signed certificate for 127.0.0.1. */
export function selfSigned(): { cert: Buffer; key: Buffer } {
  const folder = mkdtempSync(join(tmpdir(), "latchkey-tls-"));
  const [cert, key] = [join(folder, "cert.pem"), join(folder, "key.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1"];
  try {
    execFileSync("openssl", ["req", "-x509", ...kind, ...subject, "-keyout", key, "-out", cert], {
      stdio: "pipe",
    });
    return { cert: readFileSync(cert), key: readFileSync(key) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
