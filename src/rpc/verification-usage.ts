import type { Principal } from "../domain/access/principal.ts";
import type { Evaluation } from "../verify/evaluate/evaluate.ts";
import { type Usage, usedOf } from "../verify/usage.ts";

/**
 * Counts one verification by its verdict. A token that no key has counts for the account of the verifier. So does a token that
 * the verifier may learn nothing about, because its evaluation shows no key.
 */
export function countVerification(
  usage: Usage,
  verifier: Principal,
  evaluation: Evaluation,
  clientAddress: string | undefined,
): void {
  const [failure] = evaluation.failures;
  const used = usedOf(evaluation);
  const address = clientAddress || undefined;
  const isUnknown = failure?.verdict === "INVALID" && used.tokenId === undefined;
  if (isUnknown) usage.countUnknown(verifier.accountId, address);
  else usage.count(used, failure?.verdict ?? "VALID", address);
}
