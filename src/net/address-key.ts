import { isIPv6 } from "node:net";

/**
 * Returns the key under which the limits count a client address. An IPv4 address counts by itself. An IPv6 address counts
 * by its /64 network, because one client usually has all of it. IPv6 forms of an IPv4 address count as that IPv4 address:
 * IPv4-mapped (`::ffff:0:0/96`) and NAT64 (`64:ff9b::/96`, RFC 6052). Text that is no IPv6 address is returned unchanged.
 */
export function addressKey(address: string): string {
  if (!address.includes(":") || !isIPv6(address)) return address;
  const groups = groupsOf(address);
  if (embedsIpv4(groups)) return ipv4Of(groups);
  const network = groups.slice(0, 4).map((group) => group.toString(16));
  return `${network.join(":")}::/64`;
}

// The eight numbers of an IPv6 address. Its zone (`%eth0`) is not part of it.
function groupsOf(address: string): number[] {
  const [text = ""] = address.split("%");
  const [head = "", tail] = text.split("::");
  const [first, last] = [parse(head), parse(tail ?? "")];
  const zeros = new Array<number>(8 - first.length - last.length).fill(0);
  return [...first, ...zeros, ...last];
}

function parse(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return Number.parseInt(group, 16);
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}

function embedsIpv4(groups: number[]): boolean {
  const prefix = groups.slice(0, 6).join(" ");
  return prefix === "0 0 0 0 0 65535" || prefix === `${0x64} ${0xff9b} 0 0 0 0`;
}

function ipv4Of(groups: number[]): string {
  return groups
    .slice(6)
    .flatMap((group) => [group >> 8, group & 255])
    .join(".");
}
