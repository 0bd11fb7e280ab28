import { statementScope } from "../../db/statement-scope.ts";
import type { Call } from "../access/principal.ts";
import { DomainError } from "../kernel/error.ts";
import { createWorkQueue } from "../kernel/work-queue.ts";
import { loadArgon2, type PasswordCost } from "./argon2.ts";
import { type Estimator, weakness } from "./password-strength.ts";

/** Hashes and checks passwords. Each of the two has its own queue, so that sign-ups do not delay log-ins. */
export interface Passwords {
  /** Returns the hash of a password: Argon2id (RFC 9106) in PHC string format. Fails if the password is easily guessed. */
  make(call: Call, password: NewPassword): Promise<string>;
  /** Returns whether a password matches a stored hash. Without a hash it does the same work and returns false. */
  check(call: Call, stored: string | undefined, password: string): Promise<boolean>;
  /** Fails with `UNAVAILABLE` if the queue has no room to check a password now. */
  requireRoomToCheck(call: Call): void;
}

/** A new password that a user wants to set. */
export interface NewPassword {
  password: string;
  /** The field of the request that contains the password. */
  field: string;
  /** Words about the user, which make a password with them easier to guess. */
  personal: string[];
}

/**
 * The number of threads that hash at once. Node has four threads for all of its work, unless `UV_THREADPOOL_SIZE` sets
 * another number.
 */
export interface PasswordThreads {
  /** Threads that hash new passwords. */
  make: number;
  /** Threads that check passwords. */
  check: number;
}

/** OWASP's parameters for Argon2id: 19 MiB, two passes, one lane. */
export const argon2id: PasswordCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
// The limit of each queue. One hash takes about 50 ms, so the last call waits about 5 s.
const maxWaiting = 100;

/** Creates the only place where passwords are hashed. */
export async function createPasswords(
  estimator: Estimator,
  threads: PasswordThreads,
  cost = argon2id,
): Promise<Passwords> {
  const { hash, verify } = await loadArgon2();
  const overflow = () =>
    new DomainError("UNAVAILABLE", "too many people are signing in: try again in a moment");
  const making = createWorkQueue({ atOnce: threads.make, maxWaiting, overflow });
  const checking = createWorkQueue({ atOnce: threads.check, maxWaiting, overflow });
  // Checked if there is no stored hash, so that the response takes the same time.
  const dummy = await hash("the password of no user", cost);

  return {
    async make({ addressKey }, { password, field, personal }) {
      const weak = weakness(await estimator.estimate(addressKey, password, personal), field);
      if (weak) throw weak;
      return making.run(
        addressKey,
        unlessAborted(() => hash(password, cost)),
      );
    },
    async check({ addressKey }, stored, password) {
      const right = await checking.run(
        addressKey,
        unlessAborted(() => verify(stored ?? dummy, password)),
      );
      return right && stored !== undefined;
    },
    requireRoomToCheck({ addressKey }) {
      if (!checking.hasRoom(addressKey)) throw overflow();
    },
  };
}

// Skips the work if the caller has cancelled the call while the work waited.
function unlessAborted<T>(work: () => Promise<T>): () => Promise<T> {
  const { signal } = statementScope();
  return async () => {
    signal?.throwIfAborted();
    return work();
  };
}
