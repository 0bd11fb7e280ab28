import { hash, verify } from "@node-rs/argon2";
import { statementScope } from "../../db/statement-scope.ts";
import type { Call } from "../access/principal.ts";
import { DomainError } from "../kernel/error.ts";
import { createWorkQueue } from "../kernel/work-queue.ts";
import { type Estimator, weakness } from "./password-strength.ts";

/** Makes and checks passwords. Each has a queue of its own, so that sign-ups do not delay log-ins. */
export interface Passwords {
  /** Refuses a password that is easily guessed. Returns the hash of another: Argon2id (RFC 9106) in PHC string format. */
  make(call: Call, password: NewPassword): Promise<string>;
  /** Whether the password is right. Without a stored hash the answer is no, after the same work. */
  check(call: Call, stored: string | undefined, password: string): Promise<boolean>;
  /** Refuses a call whose password could not be checked now, as `UNAVAILABLE`. */
  requireRoomToCheck(call: Call): void;
}

/** A password that somebody wants to have. */
export interface NewPassword {
  password: string;
  /** The field of the request that has it. */
  field: string;
  /** Words about the user, which make it easier to guess. */
  personal: string[];
}

/** How many threads hash at once. Node has four for all of its work, unless UV_THREADPOOL_SIZE says otherwise. */
export interface PasswordThreads {
  /** For new passwords. */
  make: number;
  /** For passwords that are checked. */
  check: number;
}

/** What hashing one password costs: KiB of memory, passes over it, lanes. */
export interface PasswordCost {
  memoryCost: number;
  timeCost: number;
  parallelism: number;
}

/** OWASP's parameters for argon2id: 19 MiB, two passes, one lane. */
export const argon2id: PasswordCost = { memoryCost: 19_456, timeCost: 2, parallelism: 1 };
// Of each kind. One takes some 50 ms, so the last one waits for some 5 s.
const maxWaiting = 100;

/** Creates the one place where passwords are hashed. */
export async function createPasswords(
  estimator: Estimator,
  threads: PasswordThreads,
  cost = argon2id,
): Promise<Passwords> {
  const overflow = () =>
    new DomainError("UNAVAILABLE", "too many people are signing in: try again in a moment");
  const making = createWorkQueue({ atOnce: threads.make, maxWaiting, overflow });
  const checking = createWorkQueue({ atOnce: threads.check, maxWaiting, overflow });
  const nobody = await hash("nobody has this password", cost);

  return {
    async make({ addressKey }, { password, field, personal }) {
      const weak = weakness(await estimator.estimate(addressKey, password, personal), field);
      if (weak) throw weak;
      return making.run(
        addressKey,
        unlessGone(() => hash(password, cost)),
      );
    },
    async check({ addressKey }, stored, password) {
      const right = await checking.run(
        addressKey,
        unlessGone(() => verify(stored ?? nobody, password)),
      );
      return right && stored !== undefined;
    },
    requireRoomToCheck({ addressKey }) {
      if (!checking.hasRoom(addressKey)) throw overflow();
    },
  };
}

// The work of a caller that gave up while it waited is not done. Its signal is that of the call which asks now.
function unlessGone<T>(work: () => Promise<T>): () => Promise<T> {
  const { signal } = statementScope();
  return async () => {
    signal?.throwIfAborted();
    return work();
  };
}
