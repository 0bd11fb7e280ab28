import { createHash } from "node:crypto";
import { checksum } from "../src/domain/kernel/token.ts";

/** Returns the id of key number `index`. `fill.ts` derives the same id in SQL. */
export function keyId(index: number): string {
  return `key_${ulid("key", index)}`;
}

/** Returns the token of key number `index`. It has the format of the product, but its secret is derived from the number. */
export function keyToken(index: number): string {
  const unchecked = `lk_live_${ulid("key", index)}${md5(`secret${index}`)}`;
  return unchecked + checksum(unchecked);
}

// Hexadecimal digits are also digits of a ULID and of base62, so SQL needs no conversion.
function ulid(kind: string, index: number): string {
  return index.toString(16).padStart(10, "0") + md5(`${kind}${index}`).slice(0, 16);
}

function md5(text: string): string {
  return createHash("md5").update(text).digest("hex");
}
