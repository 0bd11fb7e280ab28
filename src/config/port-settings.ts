import { parseCount, parseNetworks, parseOrigins, parsePort } from "./parse.ts";
import type { Read } from "./reader.ts";

/** Where each process listens, and which connections it accepts. */
export interface PortSettings {
  host: string;
  /** 0: any free port. */
  port: number;
  maxConnections: number;
  /** From one address: an IPv4 address, or an IPv6 /64 network. */
  maxConnectionsPerAddress: number;
  corsOrigins: string[];
  /** Addresses or networks (CIDR) whose `X-Forwarded-For` is trusted. */
  trustedProxies: string[];
}

const count = "a number, 1 to 100000000";

/** Reads the settings about the port. */
export function readPortSettings(read: Read): PortSettings {
  return {
    host: read("LATCHKEY_HOST", "127.0.0.1", (text) => text, ""),
    port: read("LATCHKEY_PORT", 8080, parsePort, "a port, 0 to 65535"),
    maxConnections: read("LATCHKEY_MAX_CONNECTIONS", 10_000, parseCount, count),
    maxConnectionsPerAddress: read("LATCHKEY_MAX_CONNECTIONS_PER_ADDRESS", 256, parseCount, count),
    corsOrigins: read(
      "LATCHKEY_CORS_ORIGINS",
      [],
      parseOrigins,
      "* or origins such as https://app.example, comma-separated",
    ),
    trustedProxies: read(
      "LATCHKEY_TRUSTED_PROXIES",
      [],
      parseNetworks,
      "IP addresses or networks such as 10.0.0.0/8, comma-separated; /0 would trust every client",
    ),
  };
}
