import { parseCount } from "./parse.ts";
import type { Read } from "./reader.ts";

/** How many connections each process accepts at a time. */
export interface PortSettings {
  maxConnections: number;
  /** From one address: an IPv4 address, or an IPv6 /64 network. */
  maxConnectionsPerAddress: number;
}

const expected = "a number, 1 to 100000000";

/** Reads the settings about the port. */
export function readPortSettings(read: Read): PortSettings {
  return {
    maxConnections: read("LATCHKEY_MAX_CONNECTIONS", 10_000, parseCount, expected),
    maxConnectionsPerAddress: read("LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS", 256, parseCount, expected),
  };
}
