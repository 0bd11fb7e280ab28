import { createHash } from "node:crypto";
import { checksum } from "../src/domain/kernel/token.ts";

/** The id of the bench's key number `index`. `fill.ts` derives the same in SQL. */
export function keyId(index: number): string {
  return `key_${ulid("key", index)}`;
}

/** The token of that key, in the format of the product: what is random there is derived here. */
export function keyToken(index: number): string {
  const unchecked = `lk_live_${ulid("key", index)}${md5(`secret${index}`)}`;
  return unchecked + checksum(unchecked);
}

// Hexadecimal digits are digits of a ULID and of base62 as well, so that SQL needs neither.
function ulid(kind: string, index: number): string {
  return index.toString(16).padStart(10, "0") + md5(`${kind}${index}`).slice(0, 16);
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
