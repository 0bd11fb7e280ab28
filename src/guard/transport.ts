import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import type { GuardOptions } from "./types.ts";

/** A connection to the server, over which the guard makes calls. */
export interface Connection {
  transport: Transport;
  /** The headers of every call: the guard's own bearer. */
  headers: Readonly<Record<string, string>>;
  /** Closes the connection. A later call opens a new one. */
  abort(): void;
}

// The server may be behind a link that drops packets without an error. Pings find that out.
const pings = { pingIntervalMs: 2_000, pingTimeoutMs: 1_000 };
const maxResponseBytes = 4 * 1024 * 1024;

/** Creates a connection. It opens when a call needs it. A transport of the caller is used as it is. */
export function createConnection({ url, token, transport }: GuardOptions): Connection {
  const headers = { authorization: `Bearer ${token}` };
  if (transport) return { transport, headers, abort: () => undefined };
  const sessionManager = new Http2SessionManager(url, pings);
  return {
    transport: createGrpcTransport({ baseUrl: url, sessionManager, readMaxBytes: maxResponseBytes }),
    headers,
    abort: () => sessionManager.abort(),
  };
}
