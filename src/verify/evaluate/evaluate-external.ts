import type { RoleJson } from "../../db/schema.ts";
import {
  type CountingRoles,
  claimedRoles,
  mayNameAccount,
  speaksFor,
} from "../../domain/access/external-issuer.ts";
import { narrow, permissionSet } from "../../domain/access/permission.ts";
import type { Loaded } from "../cache/load.ts";
import { clockSkewSeconds, type OutsideToken } from "../oidc/oidc.ts";
import type { Opening } from "./credential.ts";
import { type Judgement, openingFailures, refused, toPrincipal } from "./evaluate.ts";
import type { Failure, Question } from "./verdict.ts";

/** Whether it is a call to us, by a user or by a principal of an account: whom we have not met is no stranger then. */
export type OwnCall = "user" | "principal" | undefined;

/**
 * Judges a token of an outside issuer by what was loaded for its identity. Membership opens an account as it does for a
 * session; roles that the token claims come on top of that for this one question. Pure: all time is the database's.
 */
export function judgeOutside(
  loaded: Loaded,
  token: OutsideToken,
  question: Question,
  own: OwnCall,
): Judgement {
  const { credential, now } = loaded;
  const { identity, scope, claimed, endsAt } = token;
  const expired = now.getTime() >= endsAt.getTime() + clockSkewSeconds * 1000;
  const failures: Failure[] = expired
    ? [{ verdict: "EXPIRED", metadata: { expired_at: endsAt.toISOString() } }]
    : [];
  const accountId = own === "user" ? "" : question.accountId || token.accountId;
  const newcomer = { identity, scope, accountId, claimed };
  if (!credential) {
    if (own && expired) return { ...refused(failures), scope };
    if (own && accountId !== "" && !mayNameAccount(scope, accountId)) return refused([mismatch(accountId)]);
    return { ...refused([{ verdict: "INVALID", metadata: {} }]), scope, ...(own && { newcomer }) };
  }
  const base: Judgement = {
    ...refused(failures),
    userId: credential.user_id ?? undefined,
    endsAt,
    basis: loaded,
    scope,
    outside: token,
  };
  const opening = choose(credential.openings, token, accountId);
  if ("verdict" in opening) {
    const known = credential.openings.some((one) => one.account_id === accountId);
    const first = own && !known && !expired && claimed.roles.length > 0 && mayNameAccount(scope, accountId);
    return { ...base, failures: [...failures, opening], ...(first && accountId !== "" && { newcomer }) };
  }
  const principal = toPrincipal(credential, opening, false);
  failures.push(...openingFailures(loaded, opening, principal, question));
  return { ...base, principal };
}

// The account that is named, or the only one that is open.
function choose(openings: Opening[], token: OutsideToken, accountId: string): Opening | Failure {
  const countingIn = claimedRoles(token.claimed);
  const open = openings.flatMap((opening) => {
    if (accountId !== "" && opening.account_id !== accountId) return [];
    if (opening.standing === "removed") return [];
    if (!speaksFor(token.scope, { id: opening.account_id, platform: opening.platform })) return [];
    const claim = countingIn(opening.roles ?? []);
    return claim || opening.standing === "member" ? [{ opening, claim }] : [];
  });
  const [only, ...more] = open;
  if (only && more.length === 0) return openedBy(only.opening, only.claim);
  if (accountId !== "") return mismatch(accountId);
  const account_ids = open.map(({ opening }) => opening.account_id).join(",");
  return { verdict: "ACCOUNT_REQUIRED", metadata: { account_ids } };
}

// How many different claims an identity is remembered with.
const maxClaims = 4;

// What an identity opens with the roles that its token claims. Tokens claim the same ones again and again.
function openedBy(opening: Opening, claim: CountingRoles<RoleJson> | undefined): Opening {
  if (!claim) return opening;
  const key = [claim.most, ...claim.roles].map((role) => role.id).join();
  const known = opening.claimed?.get(key);
  if (known) return known;
  const opened = withRoles(opening, claim);
  if (opening.claimed && opening.claimed.size >= maxClaims) opening.claimed.clear();
  opening.claimed?.set(key, opened);
  return opened;
}

function withRoles(opening: Opening, { roles, most }: CountingRoles<RoleJson>): Opening {
  const claimed = roles.flatMap((role) => role.permissions);
  const all = most.all_workspaces && roles.some((role) => role.all_workspaces);
  return {
    ...opening,
    held: permissionSet([...opening.held.permissions, ...narrow(claimed, most.permissions)]),
    workspace_scope: all ? "all" : opening.workspace_scope,
  };
}

function mismatch(accountId: string): Failure {
  return { verdict: "ACCOUNT_MISMATCH", metadata: { account_id: accountId } };
}
