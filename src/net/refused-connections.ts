import type { Socket } from "node:net";
import type { FullReason } from "./connection-table.ts";

/** Why the port refused or closed a connection. */
export type RefusalReason =
  | FullReason
  | "silent"
  | "slow_request"
  | "slow_reader"
  | "headers_too_large"
  | "not_http"
  | "pipeline_too_long"
  | "rapid_reset"
  | "frame_flood"
  | "http2_error"
  | "tls_error";

/** A refused connection: the reason, and the address of the client. */
export type RefusedConnection = { reason: RefusalReason; address: string };

/** Reports refused connections, each at most once. */
export type RefusedConnections = ReturnType<typeof createRefusedConnections>;

/** Calls `onRefusal` for each refused connection. If a connection breaks several rules, only the first is reported. */
export function createRefusedConnections(onRefusal: (refused: RefusedConnection) => void = () => {}) {
  const addresses = new WeakMap<Socket, string>();
  const reported = new WeakSet<Socket>();
  return {
    /** Remembers the client address of an open connection. A socket that has failed no longer has its address. */
    note(socket: Socket): void {
      addresses.set(socket, socket.remoteAddress ?? "");
    },
    /** Reports this connection. The caller closes it. */
    report(socket: Socket, reason: RefusalReason): void {
      if (reported.has(socket)) return;
      reported.add(socket);
      onRefusal({ reason, address: addresses.get(socket) ?? socket.remoteAddress ?? "" });
    },
    /** Reports a connection that node closed before it gave us a socket. */
    reportDropped(reason: RefusalReason, address = ""): void {
      onRefusal({ reason, address });
    },
  };
}

/** Returns the reason behind an error that node reports about a client, or undefined if the client only disconnected. */
export function reasonOf(error: Error): RefusalReason | undefined {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "slow_request";
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return "silent";
  if (code === "HPE_HEADER_OVERFLOW") return "headers_too_large";
  if (code === "HPE_INVALID_EOF_STATE") return undefined;
  if (code.startsWith("HPE_")) return "not_http";
  // This code means that the client sent GOAWAY. The server did not refuse anything.
  if (code === "ERR_HTTP2_SESSION_ERROR") return undefined;
  if (code.startsWith("ERR_HTTP2_")) return "http2_error";
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) return "tls_error";
  return undefined;
}
