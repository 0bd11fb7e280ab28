import { isIP } from "node:net";

// The longest address: an IPv6 address whose last part is an IPv4 address.
const maxAddressLength = 45;

/** Returns the address of a client as the server accepts it. Returns an empty text if it is not an IP address. */
export function addressOf(clientAddress: unknown): string {
  if (typeof clientAddress !== "string") return "";
  // A zone (RFC 4007) names a network interface of this machine.
  const [address = ""] = clientAddress.split("%");
  return address.length <= maxAddressLength && isIP(address) !== 0 ? address : "";
}
