import { createHash } from "node:crypto";
import { type Holder, type PrincipalChange, reachOf, refuseEscalationOfMany } from "../access/escalation.ts";
import type { Caller } from "../access/principal.ts";
import { DomainError } from "../kernel/error.ts";
import { createWorkQueue, type WorkQueue } from "../kernel/work-queue.ts";

const maxMsBeforeLocks = 1_200;
const maxMsUnderLocks = 500;
const maxComparisonsWaiting = 100;

/** How long a comparison may take, whether it waits for its turn, and what was compared before. */
export interface Stage {
  ms: number;
  queue?: WorkQueue;
  compared?: string | undefined;
}

/** Creates the queue of all comparisons before transactions. One runs at a time, in turns between accounts. */
export function createComparisonQueue(): WorkQueue {
  return createWorkQueue({
    atOnce: 1,
    maxWaiting: maxComparisonsWaiting,
    overflow: () => new DomainError("UNAVAILABLE", "too many changes of roles and teams wait: try again"),
  });
}

/**
 * Before the transaction of a change, while nothing is locked: others may withdraw what they like meanwhile. Both stages
 * together end before a caller gives up.
 */
export function beforeLocks(queue: WorkQueue): Stage {
  return { ms: maxMsBeforeLocks, queue };
}

/** Within the transaction: compares only if what was compared before is not the same any more. */
export function underLocks(compared: string | undefined): Stage {
  return { ms: maxMsUnderLocks, compared };
}

/**
 * Refuses changes by which somebody reaches more than the caller. `seen`: all that the changes are made from. Returns a
 * digest of it and of what the caller reaches: the same digest, the same result.
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
