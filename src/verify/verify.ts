import { isPlatformKey, type Principal } from "../domain/access/principal.ts";
import { type Evaluation, refused } from "./evaluate/evaluate.ts";
import { accountMismatch, type Failure } from "./evaluate/verdict.ts";
import type { Resolver, VerifyRequest } from "./resolve.ts";

/**
 * Evaluates tokens for a caller that holds `tokens:verify`. A key of the platform account may verify every token. For any
 * other caller, a token of another account is `INVALID`, and the result contains nothing else. If such a caller names
 * another account, the result is `ACCOUNT_MISMATCH` before any look-up.
 */
export function verifyTokens(
  resolver: Resolver,
  caller: Principal,
  verifyRequests: readonly VerifyRequest[],
): Evaluation[] | Promise<Evaluation[]> {
  if (isPlatformKey(caller)) return resolver.resolve(verifyRequests);
  const own = verifyRequests.map((verifyRequest) => ({
    ...verifyRequest,
    accountId: verifyRequest.accountId || caller.accountId,
  }));
  const evaluations = resolver.resolve(
    own.filter((verifyRequest) => verifyRequest.accountId === caller.accountId),
  );
  const hide = (evaluations: Evaluation[]) => hideForeign(caller, own, evaluations);
  return Array.isArray(evaluations) ? hide(evaluations) : evaluations.then(hide);
}

function hideForeign(caller: Principal, own: VerifyRequest[], evaluations: Evaluation[]): Evaluation[] {
  const next = evaluations.values();
  return own.map(({ accountId }) => {
    if (accountId !== caller.accountId) return refused([accountMismatch(accountId)]);
    const evaluation = next.next().value ?? refused([invalid]);
    return evaluation.failures.some(({ verdict }) => verdict === "ACCOUNT_MISMATCH")
      ? refused([invalid])
      : evaluation;
  });
}

const invalid: Failure = { verdict: "INVALID", metadata: {} };
