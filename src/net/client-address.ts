import { BlockList, isIP } from "node:net";
import type { Request } from "./request.ts";

/** Returns the address of the client that sent a request. */
export type ClientAddress = (request: Request) => string;

/** Creates a check of whether an address is one of these addresses or in one of these networks (CIDR). */
export function createTrust(networks: readonly string[]): (address: string) => boolean {
  const trusted = new BlockList();
  for (const network of networks) {
    const [address = "", bits] = network.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (bits === undefined) trusted.addAddress(address, family);
    else trusted.addSubnet(address, Number(bits), family);
  }
  return (text) => {
    const address = plain(text);
    return trusted.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
  };
}

/**
 * Creates the function that finds the client address: the peer's address or, behind trusted proxies, the last hop in
 * `X-Forwarded-For` that is not a trusted proxy.
 */
export function createClientAddress(trustedProxies: readonly string[]): ClientAddress {
  const isTrusted = createTrust(trustedProxies);
  return (request) => {
    const peer = plain(request.socket.remoteAddress ?? "");
    if (trustedProxies.length === 0 || !isTrusted(peer)) return peer;
    const forwarded = [request.headers["x-forwarded-for"] ?? []].flat().join(",");
    const hops = forwarded.split(",").map((hop) => plain(hop.trim()));
    let client = peer;
    for (const hop of hops.reverse()) {
      if (isIP(hop) === 0) break;
      client = hop;
      if (!isTrusted(hop)) break;
    }
    return client;
  };
}

// A socket for both IP versions writes an IPv4 client as ::ffff:192.0.2.1.
function plain(address: string): string {
  return address.replace(/^::ffff:(?=\d+\.\d+\.\d+\.\d+$)/i, "");
}
