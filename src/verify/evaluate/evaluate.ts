import type { ApiKeyKind } from "../../db/schema.ts";
import type { Newcomer, Scope } from "../../domain/access/external-issuer.ts";
import type { Principal } from "../../domain/access/principal.ts";
import { sameDigest } from "../../domain/kernel/token.ts";
import type { Loaded } from "../cache/load.ts";
import type { OutsideToken } from "../oidc/oidc.ts";
import type { Credential, Opening } from "./credential.ts";
import { environmentFailure, permissionFailures, workspaceFailure } from "./rules.ts";
import type { Failure, Question } from "./verdict.ts";

/** The judgement: every rule that fails, in the order of precedence; none means valid. */
export interface Judgement {
  failures: Failure[];
  /** Who the bearer is. Where rules fail, only for our own use: never told to whoever asked. */
  principal: Principal | undefined;
  /** The user and the session, for a session, whichever accounts it opens. */
  userId: string | undefined;
  sessionId: string | undefined;
  /** The id of the key's token that was shown. */
  tokenId: string | undefined;
  /** When the token ends by itself. */
  endsAt: Date | undefined;
  /** What it was judged by, where that is a record of ours. */
  basis?: Loaded;
  /** For a token of an outside issuer: the accounts that it speaks for, and what it says itself. */
  scope?: Scope;
  outside?: OutsideToken;
  /** For one that calls us: whom we have yet to meet, in which account if any. */
  newcomer?: Newcomer;
}

/** The settings that judging depends on. */
export interface JudgeSettings {
  /** A session unused for so long has expired. */
  sessionIdleMs: number;
}

/** Judges a token by what was loaded for it. Pure: all time is the database's, in `loaded.now`. */
export function judge(
  loaded: Loaded,
  digest: string,
  question: Question,
  settings: JudgeSettings,
): Judgement {
  const { credential, now } = loaded;
  const token = credential?.tokens.find((one) => sameDigest(one.digest, digest));
  if (!credential || !token) return refused([{ verdict: "INVALID", metadata: {} }]);
  const tokenEnd = token.ends_at === null ? undefined : new Date(token.ends_at);
  const end = credentialEnd(credential, settings);
  const failures = lifeFailures(credential, tokenEnd, end, now);
  const session = credential.kind === "session";
  const base: Judgement = {
    failures,
    principal: undefined,
    userId: credential.user_id ?? undefined,
    sessionId: session ? credential.id : undefined,
    tokenId: token.id ?? undefined,
    endsAt: earlier(tokenEnd, end),
    basis: loaded,
  };
  const opening = choose(credential, question.accountId);
  if ("verdict" in opening) return { ...base, failures: [...failures, opening] };
  const principal = toPrincipal(credential, opening, tokenEnd !== undefined);
  failures.push(...openingFailures(loaded, opening, principal, question));
  return { ...base, principal };
}

/** Every rule that a principal fails in its account. */
export function openingFailures(
  { workspace }: Loaded,
  opening: Opening,
  principal: Principal,
  question: Question,
): Failure[] {
  const suspended = { verdict: "ACCOUNT_SUSPENDED" as const, metadata: { account_id: opening.account_id } };
  return [
    ...(opening.suspended ? [suspended] : []),
    ...environmentFailure(principal, question.environment),
    ...workspaceFailure(opening, workspace, question.workspaceId),
    ...permissionFailures(opening, question),
  ];
}

/** The judgement of something that is no credential of ours. */
export function refused(failures: Failure[]): Judgement {
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
  const id: Record<string, string> =
    credential.kind === "session" ? { session_id: credential.id } : { key_id: credential.id };
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

function credentialEnd(credential: Credential, settings: JudgeSettings): Date | undefined {
  const idle =
    credential.last_used_at && new Date(credential.last_used_at.getTime() + settings.sessionIdleMs);
  return earlier(credential.expires_at ?? undefined, idle ?? undefined);
}

function earlier(a: Date | undefined, b: Date | undefined): Date | undefined {
  if (!a || !b) return a ?? b;
  return a < b ? a : b;
}

// A key opens its own account. A user's session opens the one that is named, or their only one.
function choose(credential: Credential, accountId: string): Opening | Failure {
  const { openings } = credential;
  if (accountId !== "") {
    const named = openings.find((opening) => opening.account_id === accountId);
    return named ?? { verdict: "ACCOUNT_MISMATCH", metadata: { account_id: accountId } };
  }
  const [only, ...more] = openings;
  if (only && more.length === 0) return only;
  const account_ids = openings.map((opening) => opening.account_id).join(",");
  return { verdict: "ACCOUNT_REQUIRED", metadata: { account_ids } };
}

/** The principal that a credential is in an account. */
export function toPrincipal(credential: Credential, opening: Opening, superseded: boolean): Principal {
  const { kind, user_id, environment, expires_at } = credential;
  return {
    accountId: opening.account_id,
    profile: opening.profile,
    kind: isKey(kind) ? kind : "user",
    ...(user_id !== null && { userId: user_id }),
    ...(isKey(kind) && { keyId: credential.id }),
    ...(environment !== null && { environment }),
    ...(isKey(kind) && expires_at !== null && { expiresAt: expires_at }),
    permissions: opening.held.permissions,
    workspaceScope: opening.workspace_scope,
    workspaceIds: opening.liveWorkspaces,
    entitlements: opening.entitlements,
    owner: opening.owner,
    platform: opening.platform,
    superseded,
  };
}

function isKey(kind: Credential["kind"]): kind is ApiKeyKind {
  return kind !== "session" && kind !== "outside";
}
