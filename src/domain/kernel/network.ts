import { isIP } from "node:net";

/** Returns whether a text is an IPv4 or IPv6 address without a zone. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0 && !text.includes("%");
}

/**
 * Returns the network that usage counts an address under: 24 bits of an IPv4 address, or 48 bits of an IPv6 address. An
 * IPv4-mapped IPv6 address (`::ffff:0:0/96`) counts as its IPv4 address. Returns an empty text for any other text.
 */
export function networkOf(address: string): string {
  if (!isAddress(address)) return "";
  if (!address.includes(":")) return ipv4Network(address.split(".").map(Number));
  const groups = groupsOf(address);
  const [, , , , , , high = 0, low = 0] = groups;
  const isMapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (isMapped) return ipv4Network([high >> 8, high & 255, low >> 8, low & 255]);
  const first = groups.slice(0, 3).map((group) => group.toString(16));
  return `${first.join(":")}::/48`;
}

function ipv4Network(bytes: readonly number[]): string {
  return `${bytes.slice(0, 3).join(".")}.0/24`;
}

// The eight numbers of an IPv6 address.
function groupsOf(address: string): number[] {
  const [head = "", tail = ""] = address.split("::");
  const [first, last] = [parse(head), parse(tail)];
  return [...first, ...new Array<number>(8 - first.length - last.length).fill(0), ...last];
}

function parse(part: string): number[] {
  if (part === "") return [];
  return part.split(":").flatMap((group) => {
    if (!group.includes(".")) return Number.parseInt(group, 16);
    const [a = 0, b = 0, c = 0, d = 0] = group.split(".").map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
