import type { ApiKeyKind } from "../../db/schema.ts";
import type { NewUser, Scope } from "../../domain/access/external-issuer.ts";
import type { KeyNames, Principal } from "../../domain/access/principal.ts";
import { sameDigest } from "../../domain/kernel/token.ts";
import type { Loaded } from "../cache/load.ts";
import type { ExternalToken } from "../oidc/oidc.ts";
import { type AccountAccess, accessTo, type Credential } from "./credential.ts";
import { type Draws, drawsOnAnything } from "./draws.ts";
import { evaluateEmbed } from "./evaluate-embed.ts";
import { actingOf, evaluateForTenant } from "./evaluate-tenant.ts";
import { environmentFailure, permissionFailures, workspaceFailure } from "./rules.ts";
import { accountMismatch, type Failure, type Requirements } from "./verdict.ts";

/** The result of evaluating a token. */
export interface Evaluation {
  /** Every rule that fails, in the order of precedence. If there is none, the token is valid. */
  failures: Failure[];
  /** The bearer. If rules fail, the principal is for internal use only: a response never contains it. */
  principal: Principal | undefined;
  /** The user of a session, a developer key or an external identity, whatever the account. */
  userId: string | undefined;
  /** The id of the session, if the token is one of a session. */
  sessionId: string | undefined;
  /** The id of the presented token, if it is a token of a key. */
  tokenId: string | undefined;
  /** When the token expires or its grace period ends. */
  endsAt: Date | undefined;
  /** What a verification takes from. Set if the token is valid and its key or account has limits or credits. */
  draws?: Draws;
  /** The loaded record that the evaluation is based on, if there is one. */
  basis?: Loaded;
  /** For a token of an external issuer: the accounts that it is valid for, and its claims. */
  scope?: Scope;
  external?: ExternalToken;
  /** For the bearer of a call: the user that the server has not provisioned yet, and the account, if there is one. */
  newUser?: NewUser;
  /** The account whose access must be loaded before the token can be evaluated. Until then, the token is refused. */
  lacks?: string;
  /** The same for the account that a platform key acts for. */
  lacksTenant?: string;
}

/** The settings that an evaluation depends on. */
export interface EvaluateSettings {
  /** A session expires after it was unused for so long. */
  sessionIdleMs: number;
}

/** Evaluates a token by the record that was loaded for it. Pure: the time is `loaded.now`, the time of the database. */
export function evaluate(
  loaded: Loaded,
  digest: string,
  requirements: Requirements,
  settings: EvaluateSettings,
): Evaluation {
  const { credential, now } = loaded;
  const token = credential?.tokens.find((one) => sameDigest(one.digest, digest));
  if (!credential || !token) return refused([{ verdict: "INVALID", metadata: {} }]);
  const tokenEnd = token.ends_at === null ? undefined : new Date(token.ends_at);
  const end = credentialEnd(credential, settings);
  const failures = lifeFailures(credential, tokenEnd, end, now);
  const session = credential.kind === "session";
  const base: Evaluation = {
    failures,
    principal: undefined,
    userId: credential.user_id ?? undefined,
    sessionId: session ? credential.id : undefined,
    tokenId: token.id ?? undefined,
    endsAt: earlier(tokenEnd, end),
    basis: loaded,
  };
  const superseded = tokenEnd !== undefined;
  const { embed } = credential;
  if (embed) {
    const [own] = credential.openings;
    // A call without an account has no principal.
    if (failures.length > 0 || !own || !requirements.acting) return base;
    const key = toPrincipal(credential, own, superseded);
    const result = evaluateEmbed(loaded.tenant, credential, embed, key, requirements);
    return { ...base, ...result, ...drawsOf(result.failures, embed.draws) };
  }
  const acting = actingOf(credential, requirements);
  if (acting) {
    // No account makes this key valid, so its callers cannot cause look-ups of accounts.
    if (failures.length > 0) return base;
    const key = toPrincipal(credential, acting.own, superseded);
    const result = evaluateForTenant(loaded.tenant, acting, key, requirements);
    return { ...base, ...result, ...drawsOf(result.failures, acting.own) };
  }
  const accountAccess = choose(credential, requirements.accountId);
  if ("lacks" in accountAccess) return lacking(base, accountAccess.lacks);
  if ("verdict" in accountAccess) return { ...base, failures: [...failures, accountAccess] };
  const principal = toPrincipal(credential, accountAccess, superseded);
  failures.push(...accessFailures(loaded, accountAccess, principal, requirements));
  return { ...base, principal, ...drawsOf(failures, accountAccess) };
}

function drawsOf(failures: readonly Failure[], draws: Draws): { draws: Draws } | undefined {
  return failures.length === 0 && drawsOnAnything(draws) ? { draws } : undefined;
}

/** Returns every rule that a principal fails in its account. */
export function accessFailures(
  { workspace }: Loaded,
  accountAccess: AccountAccess,
  principal: Principal,
  requirements: Requirements,
): Failure[] {
  const suspended = {
    verdict: "ACCOUNT_SUSPENDED" as const,
    metadata: { account_id: accountAccess.account_id },
  };
  return [
    ...(accountAccess.suspended ? [suspended] : []),
    ...environmentFailure(principal, requirements.environment),
    ...workspaceFailure(accountAccess, workspace, requirements.workspaceId),
    ...permissionFailures(accountAccess, requirements),
  ];
}

/** Returns the evaluation of a token that has no credential in the database. */
export function refused(failures: Failure[]): Evaluation {
  return {
    failures,
    principal: undefined,
    userId: undefined,
    sessionId: undefined,
    tokenId: undefined,
    endsAt: undefined,
  };
}

// In the order of the table: expired, revoked, disabled.
function lifeFailures(
  credential: Credential,
  tokenEnd: Date | undefined,
  end: Date | undefined,
  now: Date,
): Failure[] {
  const isSession = credential.kind === "session" || credential.embed !== null;
  const id: Record<string, string> = isSession ? { session_id: credential.id } : { key_id: credential.id };
  const failures: Failure[] = [];
  if (end && end <= now)
    failures.push({ verdict: "EXPIRED", metadata: { ...id, expired_at: end.toISOString() } });
  // A token ended by rotation is revoked.
  const ended = tokenEnd && tokenEnd <= now ? tokenEnd : undefined;
  const revoked = credential.revoked_at ?? ended;
  if (revoked) failures.push({ verdict: "REVOKED", metadata: { ...id, revoked_at: revoked.toISOString() } });
  if (credential.disabled_at) failures.push({ verdict: "DISABLED", metadata: id });
  return failures;
}

function credentialEnd(credential: Credential, settings: EvaluateSettings): Date | undefined {
  const idle =
    credential.last_used_at && new Date(credential.last_used_at.getTime() + settings.sessionIdleMs);
  const own = credential.embed ? new Date(credential.embed.ends_at) : undefined;
  return earlier(earlier(credential.expires_at ?? undefined, idle ?? undefined), own);
}

function earlier(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (!a || !b) return a ?? b;
  return a < b ? a : b;
}

/** The access to the account that a token resolves to, the rule that fails, or the account whose access was not loaded. */
export type ChosenAccess = AccountAccess | Failure | { lacks: string };

/** Returns the evaluation of a token whose access was not loaded. The token is refused until it is. */
export function lacking(base: Evaluation, accountId: string): Evaluation {
  return { ...base, failures: [...base.failures, accountMismatch(accountId)], lacks: accountId };
}

// A key belongs to one account. A session resolves to the named account, or to the user's only account.
function choose({ accounts, openings }: Credential, accountId: string): ChosenAccess {
  const [only, ...more] = accounts;
  const chosen = accountId !== "" ? accounts.find((one) => one.account_id === accountId) : only;
  if (accountId !== "" && !chosen) return accountMismatch(accountId);
  if (!chosen || (accountId === "" && more.length > 0)) {
    const account_ids = accounts.map((account) => account.account_id).join(",");
    return { verdict: "ACCOUNT_REQUIRED", metadata: { account_ids } };
  }
  return accessTo(openings, chosen.account_id) ?? { lacks: chosen.account_id };
}

/** Returns the principal of a credential in an account. */
export function toPrincipal(
  credential: Credential,
  accountAccess: AccountAccess,
  superseded: boolean,
): Principal {
  const { kind, user_id, environment, expires_at } = credential;
  const { drawsOn, limitedBy } = accountAccess;
  return {
    accountId: accountAccess.account_id,
    accountExternalId: accountAccess.external_id,
    profile: accountAccess.profile,
    kind: isKey(kind) ? kind : "user",
    ...(user_id !== null && { userId: user_id }),
    ...(isKey(kind) && { keyId: credential.embed?.key_id ?? credential.id, key: namesOf(credential) }),
    ...(environment !== null && { environment }),
    ...(isKey(kind) && expires_at !== null && { expiresAt: expires_at }),
    ...(drawsOn !== null && { drawsOn }),
    ...(limitedBy !== null && { limitedBy }),
    permissions: accountAccess.held.permissions,
    workspaceScope: accountAccess.workspace_scope,
    workspaceIds: accountAccess.liveWorkspaces,
    entitlements: accountAccess.entitlements,
    owner: accountAccess.owner,
    platform: accountAccess.platform,
    superseded,
  };
}

function namesOf({ name, external_id, labels }: Credential): KeyNames {
  return { name: name ?? "", externalId: external_id ?? "", labels };
}

function isKey(kind: Credential["kind"]): kind is ApiKeyKind {
  return kind !== "session" && kind !== "outside";
}
