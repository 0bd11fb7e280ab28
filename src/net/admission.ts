import type { Server, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { addressKey } from "./address-key.ts";
import {
  type Admission,
  type Connection,
  createConnectionTable,
  type FullReason,
} from "./connection-table.ts";
import type { Limits } from "./limits.ts";
import type { ProbeReserve } from "./probe-reserve.ts";
import type { RefusedConnections } from "./refused-connections.ts";

/** An idle connection that the port closed to make room. `address` is the client's address as the limits count it. */
export type Eviction = { reason: FullReason; address: string };

/** What admission needs. */
export type AdmissionOptions = {
  limits: Limits;
  refused: RefusedConnections;
  /** Returns whether an address has no maximum, because its connections carry many clients. */
  isExempt: (address: string) => boolean;
  onEviction: (eviction: Eviction) => void;
  /** Receives the connections for which there is no room. Unset: they are reset at once. */
  probes?: ProbeReserve;
};

/** What the protocols report to admission about a connection. `socket` is the one that carries HTTP. */
export type Activity = {
  /** Records that a request began. The connection is busy until all its requests have ended. */
  begin(socket: Socket): void;
  /** Records that a request ended. */
  end(socket: Socket): void;
  /** Sets how an eviction closes the connection. Before this call, an eviction destroys the socket. */
  onEvict(socket: Socket, close: () => void): void;
};

// Node counts an evicted connection until it has closed. One turn of the event loop evicts fewer connections than this.
const closingConnections = 1_024;

/**
 * Admits the connections of a server by the rules of the connection table. The listeners that the server has now receive
 * only admitted connections.
 */
export function createAdmission(server: Server, options: AdmissionOptions): Activity {
  const { limits, refused, isExempt, onEviction, probes } = options;
  const table = createConnectionTable(limits);
  const connections = new WeakMap<Socket, Connection>();
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", onConnection);
  const handshakes = server instanceof TlsServer ? followHandshakes(server, connections) : undefined;
  server.maxConnections = limits.maxConnections + closingConnections;
  server.on("drop", (client) => refused.reportDropped("too_many_connections", client?.remoteAddress));

  return {
    begin(socket) {
      const connection = connections.get(socket);
      if (connection) table.begin(connection);
    },
    end(socket) {
      const connection = connections.get(socket);
      if (connection) table.end(connection, performance.now());
    },
    onEvict(socket, close) {
      const connection = connections.get(socket);
      if (connection) connection.evict = close;
    },
  };

  function onConnection(socket: Socket): void {
    const address = socket.remoteAddress ?? "";
    // Each protocol handles the errors of its connection. This listener handles errors between two protocols.
    socket.on("error", () => {});
    refused.note(socket);
    const { connection, reason } = admit(address);
    if (!connection) {
      const refuse = () => {
        if (reason) refused.report(socket, reason);
        socket.resetAndDestroy();
      };
      if (probes) probes.take(socket, refuse);
      else refuse();
      return;
    }
    connection.evict = () => socket.destroy();
    connections.set(socket, connection);
    handshakes?.start(socket, connection);
    socket.once("close", () => table.remove(connection));
    for (const listener of listeners) listener.call(server, socket);
  }

  function admit(address: string): Admission {
    // A Unix domain socket has no address, and neither has a client that has already disconnected.
    const exempt = address === "" || isExempt(address);
    const admission = table.admit(addressKey(address), exempt, performance.now());
    const { evicted, reason } = admission;
    if (evicted && reason) {
      evicted.evict();
      onEviction({ reason, address: evicted.peer.key });
    }
    return admission;
  }
}

// TLS puts a second socket on top of the first, and has no link between them. Both have the same addresses and port.
function followHandshakes(server: TlsServer, connections: WeakMap<Socket, Connection>) {
  const handshaking = new Map<string, Connection>();
  server.prependListener("secureConnection", (socket: Socket) => {
    const connection = handshaking.get(endsOf(socket));
    if (connection) connections.set(socket, connection);
  });
  return {
    start(socket: Socket, connection: Connection): void {
      const ends = endsOf(socket);
      handshaking.set(ends, connection);
      socket.once("close", () => {
        if (handshaking.get(ends) === connection) handshaking.delete(ends);
      });
    },
  };
}

function endsOf({ remoteAddress, remotePort, localAddress }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress}`;
}
