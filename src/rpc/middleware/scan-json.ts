import type { MessageBounds } from "./message-bounds.ts";

const quote = 0x22;
const backslash = 0x5c;
const comma = 0x2c;
const colon = 0x3a;
const openList = 0x5b;
const closeList = 0x5d;
const openObject = 0x7b;
const closeObject = 0x7d;

/**
 * Returns what a JSON text has too much of, or undefined. Reads each byte once and keeps nothing, so it costs a small part of
 * what parsing costs. Says nothing about whether the text is valid.
 */
export function scanJson(
  bytes: Uint8Array,
  { maxValues, maxKeys, maxStringBytes, maxDepth }: Omit<MessageBounds, "maxBytes">,
): string | undefined {
  let values = 1;
  let depth = 0;
  // The keys so far of each object that is open.
  const keys: number[] = [0];
  for (let at = 0; at < bytes.length; at += 1) {
    const byte = bytes[at] ?? 0;
    // Whitespace is the most common byte in a padded body.
    if (byte <= 0x20) continue;
    if (byte === quote) {
      const start = at;
      at = endOfString(bytes, at + 1);
      if (at - start - 1 > maxStringBytes) return "a string is too long";
    } else if (byte === comma) values += 1;
    else if (byte === colon) {
      const count = (keys[depth] ?? 0) + 1;
      keys[depth] = count;
      if (count > maxKeys) return "an object has too many fields";
    } else if (byte === openObject || byte === openList) {
      values += 1;
      depth += 1;
      keys[depth] = 0;
      if (depth > maxDepth) return "values are nested too deeply";
    } else if (byte === closeObject || byte === closeList) {
      if (depth > 0) depth -= 1;
    }
    if (values > maxValues) return "there are too many values";
  }
  return undefined;
}

/** Returns the place of the quote that ends a string. */
export function endOfString(bytes: Uint8Array, start: number): number {
  let at = start;
  while (at < bytes.length && bytes[at] !== quote) at += bytes[at] === backslash ? 2 : 1;
  return at;
}
