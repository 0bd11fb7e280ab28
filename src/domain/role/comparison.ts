import { createHash } from "node:crypto";
import { type Holder, type PrincipalChange, reachOf, refuseEscalationOfMany } from "../access/escalation.ts";

const maxMsBeforeLocks = 1_200;
const maxMsUnderLocks = 500;

/** How long a comparison may take, and what was compared before. */
export interface Stage {
  ms: number;
  compared?: string | undefined;
}

/**
 * Before the transaction of a change, while nothing is locked: others may withdraw what they like meanwhile. Both stages
 * together end before a caller gives up.
 */
export const beforeLocks: Stage = { ms: maxMsBeforeLocks };

/** Within the transaction: compares only if what was compared before is not the same any more. */
export function underLocks(compared: string | undefined): Stage {
  return { ms: maxMsUnderLocks, compared };
}

/**
 * Refuses changes by which somebody reaches more than the caller. `seen`: all that the changes are made from. Returns a
 * digest of it and of what the caller reaches: the same digest, the same result.
 */
export async function compareOnce(
  caller: Holder,
  seen: unknown,
  changes: () => Iterable<PrincipalChange>,
  { ms, compared }: Stage,
): Promise<string> {
  const parts = JSON.stringify([reachOf(caller), caller.superseded, seen]);
  const digest = createHash("sha256").update(parts).digest("base64url");
  if (digest !== compared) await refuseEscalationOfMany(caller, changes(), ms);
  return digest;
}
