import type { Server, Socket } from "node:net";
import { Server as TlsServer } from "node:tls";
import { addressKey } from "./address-key.ts";
import { type Connection, createConnectionTable, type FullReason } from "./connection-table.ts";
import type { Limits } from "./limits.ts";
import type { Refusals } from "./refusal.ts";

/** An idle connection that was closed to make room, and the address it came from as the limits count it. */
export type Eviction = { reason: FullReason; address: string };

/** What admission needs. */
export type AdmissionOptions = {
  limits: Limits;
  refusals: Refusals;
  /** Addresses without a maximum of their own, because their connections carry many clients. */
  isExempt: (address: string) => boolean;
  onEviction: (eviction: Eviction) => void;
};

/** What the protocols tell admission about a connection. A socket is the one that HTTP is spoken on. */
export type Activity = {
  /** A request began. The connection is busy until as many have ended. */
  begin(socket: Socket): void;
  /** A request ended. */
  end(socket: Socket): void;
  /** Sets how an eviction closes the connection. Until then, it destroys the socket. */
  onEvict(socket: Socket, close: () => void): void;
};

// An evicted connection still counts for node until it has closed. One turn of the event loop evicts fewer than this.
const closingConnections = 1_024;

/**
 * Admits the connections of a server by the rules of the connection table. The listeners that the server has now see only
 * those that were admitted.
 */
export function createAdmission(server: Server, options: AdmissionOptions): Activity {
  const { limits, refusals, isExempt, onEviction } = options;
  const table = createConnectionTable(limits);
  const connections = new WeakMap<Socket, Connection>();
  const listeners = server.listeners("connection");
  server.removeAllListeners("connection");
  server.on("connection", onConnection);
  const handshakes = server instanceof TlsServer ? followHandshakes(server, connections) : undefined;
  server.maxConnections = limits.maxConnections + closingConnections;
  server.on("drop", (client) => refusals.refuseUnseen("too_many_connections", client?.remoteAddress));

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
    // The protocol on a connection reports its errors. This listener is for the moments between two protocols.
    socket.on("error", () => {});
    refusals.note(socket);
    const connection = admit(socket, address);
    if (!connection) {
      socket.resetAndDestroy();
      return;
    }
    connection.evict = () => socket.destroy();
    connections.set(socket, connection);
    handshakes?.start(socket, connection);
    socket.once("close", () => table.remove(connection));
    for (const listener of listeners) listener.call(server, socket);
  }

  function admit(socket: Socket, address: string): Connection | undefined {
    // Without an address: a Unix domain socket, or a client that has already left.
    const exempt = address === "" || isExempt(address);
    const { connection, evicted, reason } = table.admit(addressKey(address), exempt, performance.now());
    if (evicted && reason) {
      evicted.evict();
      onEviction({ reason, address: evicted.peer.key });
    } else if (reason) refusals.refuse(socket, reason);
    return connection;
  }
}

// TLS puts a second socket on top of the first, and does not tell on which. Both have the same two ends.
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
