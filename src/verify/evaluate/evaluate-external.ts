import type { RoleJson } from "../../db/schema.ts";
import {
  type CountingRoles,
  claimedRoles,
  mayNameAccount,
  speaksFor,
} from "../../domain/access/external-issuer.ts";
import { effectiveSet } from "../../domain/access/permission.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { inTurns, type Slices } from "../../domain/kernel/slices.ts";
import { createWorkQueue, type WorkQueue } from "../../domain/kernel/work-queue.ts";
import type { Loaded } from "../cache/load.ts";
import { clockSkewSeconds, type ExternalToken } from "../oidc/oidc.ts";
import { type AccountAccess, accessTo, type Credential, type KnownAccount } from "./credential.ts";
import {
  accessFailures,
  type ChosenAccess,
  type Evaluation,
  lacking,
  refused,
  toPrincipal,
} from "./evaluate.ts";
import { accountMismatch, type Failure, type Requirements } from "./verdict.ts";

/**
 * Set if the token is the bearer of a call to this service: the call needs a user, or a principal of an account. Its bearer
 * may be an external identity that the server does not know yet. Undefined for a token that a caller verifies.
 */
export type OwnCall = "user" | "principal" | undefined;

/** What the evaluation of claims depends on. */
export interface ClaimDeps {
  /** How many permissions the claimed roles of a token may have together. */
  permissionsPerPrincipal: number;
  /** Where claims that are not cached wait for their turn. */
  queue: WorkQueue;
}

const maxClaimsWaiting = 1_000;

/** Creates the queue of all claims. It computes one claim at a time, and accounts take turns. */
export function createClaimQueue(): WorkQueue {
  return createWorkQueue({
    atOnce: 1,
    maxWaiting: maxClaimsWaiting,
    overflow: () => new DomainError("UNAVAILABLE", "too many tokens with claimed roles wait: try again"),
  });
}

/**
 * Evaluates a token of an external issuer by the record that was loaded for its identity. A membership gives access to an
 * account, as it does for a session. Roles that the token claims are added for this evaluation. Pure: the time is that of
 * the database. The result of new claims is computed in slices, so that the event loop gets its turns.
 */
export async function evaluateExternal(
  loaded: Loaded,
  token: ExternalToken,
  requirements: Requirements,
  own: OwnCall,
  deps: ClaimDeps,
): Promise<Evaluation> {
  const { credential, now } = loaded;
  const { identity, scope, claimed, endsAt } = token;
  const expired = now.getTime() >= endsAt.getTime() + clockSkewSeconds * 1000;
  const failures: Failure[] = expired
    ? [{ verdict: "EXPIRED", metadata: { expired_at: endsAt.toISOString() } }]
    : [];
  const accountId = own === "user" ? "" : requirements.accountId || token.accountId;
  const newUser = { identity, scope, accountId, claimed };
  if (!credential) {
    if (own && expired) return { ...refused(failures), scope };
    if (own && accountId !== "" && !mayNameAccount(scope, accountId))
      return refused([accountMismatch(accountId)]);
    return { ...refused([{ verdict: "INVALID", metadata: {} }]), scope, ...(own && { newUser }) };
  }
  const base: Evaluation = {
    ...refused(failures),
    userId: credential.user_id ?? undefined,
    endsAt,
    basis: loaded,
    scope,
    external: token,
  };
  const accountAccess = await choose(credential, token, accountId, deps);
  // A call by a user acts in no account.
  if ("lacks" in accountAccess) return own === "user" ? base : lacking(base, accountAccess.lacks);
  if ("verdict" in accountAccess) {
    const known = credential.accounts.some((one) => one.account_id === accountId);
    const isNew = own && !known && !expired && claimed.roles.length > 0 && mayNameAccount(scope, accountId);
    return { ...base, failures: [...failures, accountAccess], ...(isNew && accountId !== "" && { newUser }) };
  }
  const principal = toPrincipal(credential, accountAccess, false);
  failures.push(...accessFailures(loaded, accountAccess, principal, requirements));
  return { ...base, principal };
}

// Returns the access to the named account, or to the only account that is open to the identity.
async function choose(
  { accounts, openings }: Credential,
  token: ExternalToken,
  accountId: string,
  deps: ClaimDeps,
): Promise<ChosenAccess> {
  const countingIn = claimedRoles(token.claimed);
  const isOpen = ({ account_id: id, platform = false, standing, roles }: KnownAccount): boolean => {
    if (accountId !== "" && id !== accountId) return false;
    if (standing === "removed" || !speaksFor(token.scope, { id, platform })) return false;
    return standing === "member" || countingIn(roles ?? []) !== undefined;
  };
  const open = accounts.filter(isOpen);
  const [only, ...more] = open;
  if (only && more.length === 0) {
    const access = accessTo(openings, only.account_id);
    return access ? withClaims(access, countingIn(access.roles ?? []), deps) : { lacks: only.account_id };
  }
  if (accountId !== "") return accountMismatch(accountId);
  const account_ids = open.map((account) => account.account_id).join(",");
  return { verdict: "ACCOUNT_REQUIRED", metadata: { account_ids } };
}

// How many different sets of claims the cache keeps per identity.
const maxClaims = 4;

// Returns the account access with the roles that the token claims. It is cached, because tokens repeat their claims. The
// cache also has results that are being computed, so that simultaneous calls compute them once.
async function withClaims(
  accountAccess: AccountAccess,
  claim: CountingRoles<RoleJson> | undefined,
  { permissionsPerPrincipal, queue }: ClaimDeps,
): Promise<AccountAccess> {
  if (!claim) return accountAccess;
  const { claimed } = accountAccess;
  const counting = { ...claim, roles: withinBound(claim.roles, permissionsPerPrincipal) };
  const key = [counting.most, ...counting.roles].map((role) => role.id).join();
  const known = claimed?.get(key);
  if (known) return known;
  const computed = queue.run(accountAccess.account_id, () => inTurns(withRoles(accountAccess, counting)));
  const [oldest] = claimed?.keys() ?? [];
  if (claimed && claimed.size >= maxClaims && oldest !== undefined) claimed.delete(oldest);
  claimed?.set(key, computed);
  // If the queue was full, the next call tries again.
  computed.catch(() => claimed?.get(key) === computed && claimed.delete(key));
  return computed;
}

// Returns the first roles whose permissions fit the bound together. The first role always counts, whatever its size.
function withinBound(roles: readonly RoleJson[], most: number): RoleJson[] {
  let size = 0;
  const beyond = roles.findIndex((role, n) => {
    size += role.permissions.length;
    return n > 0 && size > most;
  });
  return beyond < 0 ? [...roles] : roles.slice(0, beyond);
}

function* withRoles(
  accountAccess: AccountAccess,
  { roles, most }: CountingRoles<RoleJson>,
): Slices<AccountAccess> {
  const claimed = roles.flatMap((role) => role.permissions);
  const all = most.all_workspaces && roles.some((role) => role.all_workspaces);
  const lent = yield* effectiveSet(claimed, most.permissions);
  const held = yield* effectiveSet([...accountAccess.held.permissions, ...lent.permissions], null);
  return { ...accountAccess, held, workspace_scope: all ? "all" : accountAccess.workspace_scope };
}
