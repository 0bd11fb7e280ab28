import { randomInt } from "node:crypto";
import { monotonicFactory } from "ulid";

/** The kinds of ids. Each is a prefix before a ULID. */
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
  | "emb"
  | "evt";

// Lists are in the order of ids. The factory is monotonic, so ids that one process makes within a millisecond also
// keep their order. `randomInt` draws from a pool. The package itself would make a system call for each of 16
// characters, which takes 50 µs per id.
const ulid = monotonicFactory(() => randomInt(32) / 32);

/**
 * Returns a new id, such as `key_01jd…`: a prefix and a lower-case ULID. It is greater than every earlier id of this
 * process.
 */
export function newId(prefix: IdPrefix): string {
  return `${prefix}_${ulid().toLowerCase()}`;
}
