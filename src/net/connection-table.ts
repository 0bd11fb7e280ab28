import type { Limits } from "./limits.ts";
import { createLinkedList, type LinkedList } from "./linked-list.ts";
import { createRanking } from "./ranking.ts";

/** Why the table has no room: the address has its maximum, or the table is full. */
export type FullReason = "too_many_from_address" | "too_many_connections";

/** A client as the table counts it: all connections from one address. */
interface Peer {
  readonly key: string;
  readonly isExempt: boolean;
  connections: number;
  /** The connections that may be evicted, longest idle first. */
  readonly idle: LinkedList<Connection>;
  place: number;
}

/** A connection in the table. */
export interface Connection {
  readonly peer: Peer;
  /** Closes the connection when the table evicts it. */
  evict: () => void;
  /** How many of its requests are in progress. */
  requests: number;
  state: "new" | "idle" | "busy" | "gone";
  /** In milliseconds: the end of the grace period of a new connection, or the start of the current idle time. */
  since: number;
  previous?: Connection | undefined;
  next?: Connection | undefined;
}

/** What happened to a new connection. Without `connection`, the table refused it. */
export interface Admission {
  connection?: Connection;
  /** The connection that left the table. The caller closes it. */
  evicted?: Connection;
  /** Why the table refused or evicted a connection. */
  reason?: FullReason;
}

/** The open connections of a port, by address. Every call takes at most logarithmic time. */
export type ConnectionTable = ReturnType<typeof createConnectionTable>;

type TableLimits = Pick<Limits, "maxConnections" | "maxConnectionsPerAddress" | "newConnectionGraceMs">;

/**
 * Creates a table that never holds more than `maxConnections`, nor more than `maxConnectionsPerAddress` of one address
 * unless the address is exempt. A connection is idle if it has no request in progress. A new connection is idle after
 * `newConnectionGraceMs` without a request.
 *
 * A new connection of an address at its maximum replaces the longest idle connection of that address. In a full table, it
 * replaces the longest idle connection of the address that has the most. Exempt addresses come last, because their
 * connections carry many clients. If no connection is idle, the table refuses the new connection.
 */
export function createConnectionTable(limits: TableLimits) {
  const peers = createPeers();
  const states = createStates(peers.rank);

  function add(key: string, isExempt: boolean, now: number): Connection {
    const peer = peers.enter(key, isExempt);
    return states.start(peer, now + limits.newConnectionGraceMs);
  }

  function remove(connection: Connection): void {
    if (connection.state === "gone") return;
    states.leave(connection, "gone");
    peers.leave(connection.peer);
  }

  return {
    /**
     * Adds a connection to the table. Returns it, and the connection that it replaced if any. If the table refuses it,
     * returns only the reason. `now` is monotonic, in milliseconds.
     */
    admit(key: string, isExempt: boolean, now: number): Admission {
      states.endGrace(now);
      const peer = peers.get(key);
      const isFull = !isExempt && (peer?.connections ?? 0) >= limits.maxConnectionsPerAddress;
      if (!isFull && peers.connections() < limits.maxConnections) {
        return { connection: add(key, isExempt, now) };
      }
      const reason = isFull ? "too_many_from_address" : "too_many_connections";
      const evicted = (isFull ? peer : peers.firstToLose())?.idle.first();
      if (!evicted) return { reason };
      remove(evicted);
      return { connection: add(key, isExempt, now), evicted, reason };
    },
    /** Records that a request began. */
    begin(connection: Connection): void {
      connection.requests += 1;
      if (connection.requests === 1 && connection.state !== "gone") states.leave(connection, "busy");
    },
    /** Records that a request ended, with or without a response. */
    end(connection: Connection, now: number): void {
      connection.requests -= 1;
      if (connection.requests > 0 || connection.state === "gone") return;
      states.endGrace(now);
      states.makeIdle(connection, now);
    },
    /** Records that the connection closed. */
    remove,
    /** Returns the number of connections. */
    size: peers.connections,
  };
}

// Counts connections by address, and orders the addresses that have an idle connection.
function createPeers() {
  const peers = new Map<string, Peer>();
  const ranking = createRanking<Peer>(losesFirst);
  let connections = 0;

  function rank(peer: Peer): void {
    ranking.update(peer, peer.idle.first() !== undefined);
  }

  return {
    rank,
    get: (key: string) => peers.get(key),
    connections: () => connections,
    /** Returns the address that loses its longest idle connection first. */
    firstToLose: () => ranking.first(),
    enter(key: string, isExempt: boolean): Peer {
      const idle = createLinkedList<Connection>();
      const peer = peers.get(key) ?? { key, isExempt, connections: 0, idle, place: -1 };
      peers.set(key, peer);
      connections += 1;
      peer.connections += 1;
      rank(peer);
      return peer;
    },
    leave(peer: Peer): void {
      connections -= 1;
      peer.connections -= 1;
      if (peer.connections === 0) peers.delete(peer.key);
      rank(peer);
    },
  };
}

// Moves connections between the states. `rank` is called with an address after its idle connections changed.
function createStates(rank: (peer: Peer) => void) {
  const fresh = createLinkedList<Connection>();

  function makeIdle(connection: Connection, since: number): void {
    connection.state = "idle";
    connection.since = since;
    connection.peer.idle.append(connection);
    rank(connection.peer);
  }

  return {
    makeIdle,
    start(peer: Peer, graceEndsAt: number): Connection {
      const since = graceEndsAt;
      const connection: Connection = { peer, evict: () => {}, requests: 0, state: "new", since };
      fresh.append(connection);
      return connection;
    },
    leave(connection: Connection, next: "busy" | "gone"): void {
      const { peer, state } = connection;
      connection.state = next;
      if (state === "new") fresh.remove(connection);
      if (state !== "idle") return;
      peer.idle.remove(connection);
      rank(peer);
    },
    // New connections wait in the order of their arrival, so this takes constant time for each of them.
    endGrace(now: number): void {
      for (let first = fresh.first(); first && first.since <= now; first = fresh.first()) {
        fresh.remove(first);
        makeIdle(first, first.since);
      }
    },
  };
}

function losesFirst(a: Peer, b: Peer): boolean {
  const [more, less] = [weight(a), weight(b)];
  if (more !== less) return more > less;
  return (a.idle.first()?.since ?? 0) < (b.idle.first()?.since ?? 0);
}

function weight({ isExempt, connections }: Peer): number {
  return isExempt ? 0 : connections;
}
