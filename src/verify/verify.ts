import type { Principal } from "../domain/access/principal.ts";
import { type Judgement, refused } from "./evaluate/evaluate.ts";
import type { Failure } from "./evaluate/verdict.ts";
import type { Inquiry, Resolver } from "./resolve.ts";

/**
 * Judges other people's tokens for a holder of `tokens:verify`. A key of the platform account may ask about every
 * token. Anybody else asks about their own account: every foreign token is invalid, with nothing else said, and an
 * account that is not theirs is refused before any look-up.
 */
export function verifyTokens(
  resolver: Resolver,
  caller: Principal,
  inquiries: readonly Inquiry[],
): Judgement[] | Promise<Judgement[]> {
  if (caller.platform && caller.keyId !== undefined) return resolver.resolve(inquiries);
  const own = inquiries.map((inquiry) => ({ ...inquiry, accountId: inquiry.accountId || caller.accountId }));
  const judgements = resolver.resolve(own.filter((inquiry) => inquiry.accountId === caller.accountId));
  const tell = (judgements: Judgement[]) => tellTenant(caller, own, judgements);
  return Array.isArray(judgements) ? tell(judgements) : judgements.then(tell);
}

function tellTenant(caller: Principal, own: Inquiry[], judgements: Judgement[]): Judgement[] {
  const next = judgements.values();
  return own.map(({ accountId }) => {
    if (accountId !== caller.accountId) return refused([mismatch(accountId)]);
    const judgement = next.next().value ?? refused([invalid]);
    return judgement.failures.some(({ verdict }) => verdict === "ACCOUNT_MISMATCH")
      ? refused([invalid])
      : judgement;
  });
}

const invalid: Failure = { verdict: "INVALID", metadata: {} };

function mismatch(accountId: string): Failure {
  return { verdict: "ACCOUNT_MISMATCH", metadata: { account_id: accountId } };
}
