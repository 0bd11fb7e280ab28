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
  /** Those that may be evicted, longest idle first. */
  readonly idle: LinkedList<Connection>;
  place: number;
}

/** A connection in the table. */
export interface Connection {
  readonly peer: Peer;
  /** Closes the connection when the table evicts it. */
  evict: () => void;
  /** Requests under way. */
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
  /** No longer in the table. The caller closes it. */
  evicted?: Connection;
  /** Why something was refused or evicted. */
  reason?: FullReason;
}

/** The open connections of a port, by address. Every call takes at most logarithmic time. */
export type ConnectionTable = ReturnType<typeof createConnectionTable>;

type TableLimits = Pick<Limits, "maxConnections" | "maxConnectionsPerAddress" | "newConnectionGraceMs">;

/**
 * Creates a table that never holds more than `maxConnections`, nor more than `maxConnectionsPerAddress` of one address
 * unless the address is exempt. A connection is idle if no request is under way. A new connection is idle after
 * `newConnectionGraceMs` without a request.
 *
 * A new connection of an address at its maximum replaces the longest idle connection of that address. In a full table, it
 * replaces the longest idle connection of the address that has the most. Exempt addresses come last, because their
 * connections carry many clients. If nothing is idle, the new connection is refused.
 */
export function createConnectionTable(limits: TableLimits) {
  const peers = new Map<string, Peer>();
  const fresh = createLinkedList<Connection>();
  // Only addresses with an idle connection.
  const ranking = createRanking<Peer>(losesFirst);
  let total = 0;

  return {
    /** Admits a connection, and returns what it replaced, or why it was refused. `now` is monotonic, in milliseconds. */
    admit(key: string, isExempt: boolean, now: number): Admission {
      endGrace(now);
      const known = peers.get(key);
      const isFull = !isExempt && (known?.connections ?? 0) >= limits.maxConnectionsPerAddress;
      if (!isFull && total < limits.maxConnections) return { connection: add(key, isExempt, now) };
      const reason = isFull ? "too_many_from_address" : "too_many_connections";
      const evicted = (isFull ? known : ranking.first())?.idle.first();
      if (!evicted) return { reason };
      remove(evicted);
      return { connection: add(key, isExempt, now), evicted, reason };
    },
    /** A request began. */
    begin(connection: Connection): void {
      connection.requests += 1;
      if (connection.requests > 1 || connection.state === "gone") return;
      detach(connection);
      connection.state = "busy";
    },
    /** A request ended, whether or not it was answered. */
    end(connection: Connection, now: number): void {
      connection.requests -= 1;
      if (connection.requests > 0 || connection.state === "gone") return;
      endGrace(now);
      makeIdle(connection, now);
    },
    /** The connection closed. */
    remove,
    /** How many connections there are. */
    size: () => total,
  };

  function add(key: string, isExempt: boolean, now: number): Connection {
    const peer = peers.get(key) ?? {
      key,
      isExempt,
      connections: 0,
      idle: createLinkedList<Connection>(),
      place: -1,
    };
    peers.set(key, peer);
    const since = now + limits.newConnectionGraceMs;
    const connection: Connection = { peer, evict: () => {}, requests: 0, state: "new", since };
    fresh.append(connection);
    count(peer, 1);
    return connection;
  }

  function remove(connection: Connection): void {
    if (connection.state === "gone") return;
    detach(connection);
    connection.state = "gone";
    count(connection.peer, -1);
  }

  function count(peer: Peer, change: number): void {
    total += change;
    peer.connections += change;
    if (peer.connections === 0) peers.delete(peer.key);
    rank(peer);
  }

  function detach(connection: Connection): void {
    const { peer, state } = connection;
    if (state === "new") fresh.remove(connection);
    if (state !== "idle") return;
    peer.idle.remove(connection);
    rank(peer);
  }

  function makeIdle(connection: Connection, since: number): void {
    connection.state = "idle";
    connection.since = since;
    connection.peer.idle.append(connection);
    rank(connection.peer);
  }

  // New connections wait in the order of their arrival, so this takes constant time for each of them.
  function endGrace(now: number): void {
    for (let first = fresh.first(); first && first.since <= now; first = fresh.first()) {
      fresh.remove(first);
      makeIdle(first, first.since);
    }
  }

  function rank(peer: Peer): void {
    ranking.update(peer, peer.idle.first() !== undefined);
  }
}

function losesFirst(a: Peer, b: Peer): boolean {
  const [more, less] = [weight(a), weight(b)];
  if (more !== less) return more > less;
  return (a.idle.first()?.since ?? 0) < (b.idle.first()?.since ?? 0);
}

function weight({ isExempt, connections }: Peer): number {
  return isExempt ? 0 : connections;
}
