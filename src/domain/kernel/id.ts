import { randomInt } from "node:crypto";
import { monotonicFactory } from "ulid";

/** The kinds of id: each a prefix before a ULID. */
export type IdPrefix =
  | "acct"
  | "user"
  | "prof"
  | "ws"
  | "key"
  | "team"
  | "role"
  | "sa"
  | "inv"
  | "otp"
  | "ses"
  | "evt";

// Lists are in the order of ids. Monotonic, so that what one process makes within a millisecond keeps its order too.
// `randomInt` draws from a pool, where the package would make a system call for each of 16 characters: 50 µs an id.
const ulid = monotonicFactory(() => randomInt(32) / 32);

/** A new id, such as `key_01jd…`: a prefix and a lower-case ULID, greater than every id made before it here. */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${ulid().toLowerCase()}`;
}

/** The ULID of an id, without its prefix. */
export function ulidOf(id: string): string {
  return id.slice(id.indexOf("_") + 1);
}
