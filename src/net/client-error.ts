import type { Socket } from "node:net";
import type { Exchanges } from "./exchange.ts";
import type { Linger } from "./linger.ts";
import { type RefusalReason, type RefusedConnections, reasonOf } from "./refused-connections.ts";

// The statuses of RFC 9110 and RFC 6585. After an error of TLS or HTTP/2, an HTTP/1 response would make no sense.
const statusLines: Partial<Record<RefusalReason, string>> = {
  slow_request: "408 Request Timeout",
  headers_too_large: "431 Request Header Fields Too Large",
  not_http: "400 Bad Request",
};

/** Creates the listener of `clientError`. It responds to an HTTP/1 client that broke a rule, and closes the connection. */
export function createClientErrorListener(
  refused: RefusedConnections,
  exchanges: Exchanges,
  linger: Linger,
): (error: Error, socket: Socket) => void {
  return (error, socket) => {
    const reason = reasonOf(error);
    if (reason) refused.report(socket, reason);
    const status = reason && statusLines[reason];
    if (!status || !socket.writable || exchanges.isResponding(socket)) {
      socket.destroy();
      return;
    }
    socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
    linger(socket);
  };
}
