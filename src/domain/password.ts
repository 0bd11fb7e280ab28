import { hash, verify } from "@node-rs/argon2";
import pLimit from "p-limit";
import { DomainError } from "./error.ts";

/** Hashes and checks passwords, a bounded number at once. */
export interface Passwords {
  /** Argon2id (RFC 9106) in PHC string format. */
  hash(password: string): Promise<string>;
  /** Whether the password is right. Without a stored hash the answer is no, after the same work. */
  check(stored: string | undefined, password: string): Promise<boolean>;
}

// OWASP's parameters for argon2id: 19 MiB, two passes, one lane.
const argon2id = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
// One call keeps a core busy for some 50 ms: more at once than cores only makes all of them late.
const maxAtOnce = 2;
const maxWaiting = 100;

/** Creates the one place where passwords are hashed. */
export async function createPasswords(): Promise<Passwords> {
  const limit = pLimit(maxAtOnce);
  const nobody = await hash("nobody has this password", argon2id);

  function bounded<T>(work: () => Promise<T>): Promise<T> {
    if (limit.pendingCount >= maxWaiting) {
      throw new DomainError("UNAVAILABLE", "too many people are signing in: try again in a moment");
    }
    return limit(work);
  }

  return {
    async hash(password) {
      return bounded(() => hash(password, argon2id));
    },
    async check(stored, password) {
      const right = await bounded(() => verify(stored ?? nobody, password));
      return right && stored !== undefined;
    },
  };
}
