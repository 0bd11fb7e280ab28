import { connectionsPerAccount, type Turn } from "../../db/turn-shares.ts";
import { limitName } from "../access/acting.ts";
import type { Call, Caller, UserCaller } from "../access/principal.ts";
import { DomainError } from "./error.ts";
import type { RowLock } from "./row-lock.ts";

/**
 * Returns the turn of a change by a principal. It waits in the queue of the account whose rows it locks. A platform key
 * that changes many accounts waits separately in each of them, so that a busy account does not delay the others.
 */
export function turnOfCaller(caller: Caller, locks: readonly RowLock[]): Turn {
  const subjects = subjectsOf(locks, caller.accountId);
  const name = turnName(caller);
  const isOwn = subjects.includes(caller.accountId);
  return {
    kind: "change",
    subjects,
    caller: isOwn ? name : `${name} ${subjects.join(" ")}`,
    limited: true,
  };
}

/** Returns the name under which a caller takes turns: its credential, and for a platform key the tenant that it acts for. */
export function turnName(caller: Caller): string {
  return caller.home ? limitName(caller) : caller.authority.credentialId;
}

/**
 * Returns the turn of a change by a signed-in user. It counts for each account whose rows it locks, or for the user if
 * there is none.
 */
export function turnOfUser({ userId, authority }: UserCaller, locks: readonly RowLock[]): Turn {
  return {
    kind: "change",
    subjects: subjectsOf(locks, userId),
    caller: authority.credentialId,
    limited: true,
  };
}

/**
 * Returns the turn of a change that no bearer makes. It counts for each account whose rows it locks, or for the
 * client's address if there is none.
 */
export function turnWithoutBearer({ addressKey }: Call, locks: readonly RowLock[]): Turn {
  return { kind: "public", subjects: subjectsOf(locks, addressKey), caller: addressKey, limited: false };
}

const retryAfterMs = 1_000;

/** Returns the error of a call that other calls on the same account delayed for too long. */
export function accountBusy(): DomainError {
  const message = "the account is busy: other calls on it are still under way. Try again";
  return new DomainError("RATE_LIMITED", message, {
    limit: String(connectionsPerAccount),
    remaining: "0",
    reset_at: new Date(Date.now() + retryAfterMs).toISOString(),
  });
}

function subjectsOf(locks: readonly RowLock[], otherwise: string): string[] {
  // A guest that belongs to no account yet locks no account.
  const scopes = new Set(locks.map(({ scope }) => scope).filter((scope) => scope !== ""));
  return scopes.size > 0 ? [...scopes] : [otherwise];
}
