import type { Socket } from "node:net";
import type { FullReason } from "./connection-table.ts";

/** Why a connection was refused or cut off. */
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

/** A connection that was refused, and the address of its other end. */
export type Refusal = { reason: RefusalReason; address: string };

/** Tells of refusals, at most once for each connection. */
export type Refusals = ReturnType<typeof createRefusals>;

/** Wraps the listener so that a connection that breaks several rules is told of once, under the first. */
export function createRefusals(onRefusal: (refusal: Refusal) => void = () => {}) {
  const addresses = new WeakMap<Socket, string>();
  const told = new WeakSet<Socket>();
  return {
    /** Notes the address of a connection while it can be had: a socket that failed has none. */
    note(socket: Socket): void {
      addresses.set(socket, socket.remoteAddress ?? "");
    },
    /** Tells that this connection is refused. */
    refuse(socket: Socket, reason: RefusalReason): void {
      if (told.has(socket)) return;
      told.add(socket);
      onRefusal({ reason, address: addresses.get(socket) ?? socket.remoteAddress ?? "" });
    },
    /** Tells of a connection that was closed before it became a socket of ours. */
    refuseUnseen(reason: RefusalReason, address = ""): void {
      onRefusal({ reason, address });
    },
  };
}

/** Names the refusal behind an error that node reports about a client; undefined where the client merely left. */
export function reasonOf(error: Error): RefusalReason | undefined {
  const code = "code" in error ? String(error.code) : "";
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return "slow_request";
  if (code === "ERR_TLS_HANDSHAKE_TIMEOUT") return "silent";
  if (code === "HPE_HEADER_OVERFLOW") return "headers_too_large";
  if (code === "HPE_INVALID_EOF_STATE") return undefined;
  if (code.startsWith("HPE_")) return "not_http";
  // The one that says that the client sent GOAWAY, not that we refused it.
  if (code === "ERR_HTTP2_SESSION_ERROR") return undefined;
  if (code.startsWith("ERR_HTTP2_")) return "http2_error";
  if (code.startsWith("ERR_SSL_") || code.startsWith("ERR_TLS_")) return "tls_error";
  return undefined;
}
