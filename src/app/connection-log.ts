import type { Log } from "../infra/log.ts";
import type { Metrics } from "../infra/metrics.ts";
import { addressKey } from "../net/address-key.ts";

/** Why the port closed a connection, and where the connection came from. */
export interface Closed {
  reason: string;
  address: string;
}

/** Logs the connections that the port closed, in a bounded number of lines. */
export interface ConnectionLog {
  add(closed: Closed): void;
  /** Logs the remaining counts and stops. */
  close(): void;
}

const intervalMs = 5_000;

/** Counts and logs the connections that the port refused, and those that it evicted. */
export function reportClosed(log: Log, metrics: Pick<Metrics, "refusedConnection" | "evictedConnection">) {
  const refused = createConnectionLog(log, "a connection was refused", intervalMs);
  const evicted = createConnectionLog(log, "an idle connection was evicted", intervalMs);
  return {
    refused(connection: Closed): void {
      metrics.refusedConnection(connection.reason);
      refused.add(connection);
    },
    evicted(connection: Closed): void {
      metrics.evictedConnection(connection.reason);
      evicted.add(connection);
    },
    /** Logs the remaining counts and stops. */
    stop(): void {
      refused.close();
      evicted.close();
    },
  };
}

// Addresses above this number are logged together in each interval.
const maxAddresses = 100;

/**
 * Creates a log with one message. The first connection of a reason and address is logged at once. All others are counted
 * until the interval ends, and logged as one line. IPv6 addresses of one /64 network count as one address.
 */
export function createConnectionLog(log: Log, message: string, intervalMs: number): ConnectionLog {
  let counts = new Map<string, Closed & { connections: number }>();
  let timer: NodeJS.Timeout | undefined;

  function flush(): void {
    timer = undefined;
    const counted = counts;
    counts = new Map();
    for (const line of counted.values()) if (line.connections > 0) log.warn(line, message);
  }

  return {
    add({ reason, address: text }) {
      const known = addressKey(text);
      const address = counts.size < maxAddresses || counts.has(`${reason} ${known}`) ? known : "others";
      const key = `${reason} ${address}`;
      const line = counts.get(key);
      if (line) line.connections += 1;
      else {
        log.warn({ reason, address, connections: 1 }, message);
        counts.set(key, { reason, address, connections: 0 });
      }
      timer ??= setTimeout(flush, intervalMs).unref();
    },
    close() {
      clearTimeout(timer);
      flush();
    },
  };
}
