import { createHash } from "node:crypto";
import { type Holder, type PrincipalChange, reachOf, refuseEscalationOfMany } from "../access/escalation.ts";
import type { Caller } from "../access/principal.ts";
import { DomainError } from "../kernel/error.ts";
import { createWorkQueue, type WorkQueue } from "../kernel/work-queue.ts";

const maxMsBeforeLocks = 1_200;
const maxMsUnderLocks = 500;
const maxComparisonsWaiting = 100;

/** The time limit of a comparison, the queue in which it waits, and the digest of an earlier comparison. */
export interface Stage {
  ms: number;
  queue?: WorkQueue;
  compared?: string | undefined;
}

/** Creates the queue of all comparisons that run before transactions. One runs at a time, and accounts take turns. */
export function createComparisonQueue(): WorkQueue {
  return createWorkQueue({
    atOnce: 1,
    maxWaiting: maxComparisonsWaiting,
    overflow: () =>
      new DomainError("UNAVAILABLE", "too many changes of roles and teams are waiting: try again"),
  });
}

/**
 * Returns the stage before the transaction of a change, while nothing is locked and other calls can still revoke
 * access. The limits of both stages together are shorter than the usual deadline of a client.
 */
export function beforeLocks(queue: WorkQueue): Stage {
  return { ms: maxMsBeforeLocks, queue };
}

/** Returns the stage within the transaction. It compares only if the digest differs from `compared`. */
export function underLocks(compared: string | undefined): Stage {
  return { ms: maxMsUnderLocks, compared };
}

/**
 * Fails if changes give some principal more reach than the caller has. `seen` is everything that the changes depend on.
 * Returns a digest of `seen` and of the caller's reach. The same digest always has the same result.
 */
export async function compareOnce(
  caller: Holder & Pick<Caller, "accountId">,
  seen: unknown,
  changes: () => Iterable<PrincipalChange>,
  { ms, queue, compared }: Stage,
): Promise<string> {
  const parts = JSON.stringify([reachOf(caller), caller.superseded, seen]);
  const digest = createHash("sha256").update(parts).digest("base64url");
  if (digest === compared) return digest;
  const compare = () => refuseEscalationOfMany(caller, changes(), ms);
  await (queue ? queue.run(caller.accountId, compare) : compare());
  return digest;
}
