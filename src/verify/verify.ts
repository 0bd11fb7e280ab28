import type { Principal } from "../domain/access/principal.ts";
import { type Evaluation, refused } from "./evaluate/evaluate.ts";
import type { Failure } from "./evaluate/verdict.ts";
import type { Resolver, VerifyRequest } from "./resolve.ts";

/**
 * Judges other people's tokens for a holder of `tokens:verify`. A key of the platform account may ask about every
 * token. Anybody else asks about their own account: every foreign token is invalid, with nothing else said, and an
 * account that is not theirs is refused before any look-up.
 */
export function verifyTokens(
  resolver: Resolver,
  caller: Principal,
  verifyRequests: readonly VerifyRequest[],
): Evaluation[] | Promise<Evaluation[]> {
  if (caller.platform && caller.keyId !== undefined) return resolver.resolve(verifyRequests);
  const own = verifyRequests.map((verifyRequest) => ({
    ...verifyRequest,
    accountId: verifyRequest.accountId || caller.accountId,
  }));
  const evaluations = resolver.resolve(
    own.filter((verifyRequest) => verifyRequest.accountId === caller.accountId),
  );
  const tell = (evaluations: Evaluation[]) => tellTenant(caller, own, evaluations);
  return Array.isArray(evaluations) ? tell(evaluations) : evaluations.then(tell);
}

function tellTenant(caller: Principal, own: VerifyRequest[], evaluations: Evaluation[]): Evaluation[] {
  const next = evaluations.values();
  return own.map(({ accountId }) => {
    if (accountId !== caller.accountId) return refused([mismatch(accountId)]);
    const evaluation = next.next().value ?? refused([invalid]);
    return evaluation.failures.some(({ verdict }) => verdict === "ACCOUNT_MISMATCH")
      ? refused([invalid])
      : evaluation;
  });
}

const invalid: Failure = { verdict: "INVALID", metadata: {} };

function mismatch(accountId: string): Failure {
  return { verdict: "ACCOUNT_MISMATCH", metadata: { account_id: accountId } };
}
