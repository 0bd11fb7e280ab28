/**
 * The tables whose rows a change may lock. `owners` is no table. It stands for what has a name and no row: who owns an
 * account, or the use of an idempotency key.
 */
export type LockTable =
  | "account"
  | "user"
  | "session"
  | "identity"
  | "role"
  | "team"
  | "service_account"
  | "membership"
  | "guest"
  | "workspace"
  | "api_key"
  | "invite"
  | "owners";

/** How a row is locked, in the words of Postgres. The last two are exclusive. */
export type LockMode = "key share" | "share" | "no key update" | "update";

/** A row that a change locks in its first statement. */
export interface RowLock {
  table: LockTable;
  /** The account of the row, or the user of a session. */
  scope: string;
  /** For a membership or a guest the id of the profile. A service account is known by either id. */
  id: string;
  mode: LockMode;
}

const modes: LockMode[] = ["key share", "share", "no key update", "update"];

/** Locks a row of an account. */
export function rowLock(table: LockTable, accountId: string, id: string, mode: LockMode): RowLock {
  return { table, scope: accountId, id, mode };
}

/** Locks an account. Exclusive: no other change in the account is under way until this one has ended. */
export function accountLock(accountId: string, mode: LockMode): RowLock {
  return { table: "account", scope: accountId, id: accountId, mode };
}

/** Locks a user. */
export function userLock(userId: string, mode: LockMode): RowLock {
  return { table: "user", scope: userId, id: userId, mode };
}

/** Locks a session of a user. */
export function sessionLock(userId: string, sessionId: string, mode: LockMode): RowLock {
  return { table: "session", scope: userId, id: sessionId, mode };
}

/** Locks an outside identity. */
export function identityLock(identityId: string, mode: LockMode): RowLock {
  return { table: "identity", scope: identityId, id: identityId, mode };
}

/** Locks who owns an account: of two changes that may take owners away, the second sees the first. */
export function ownershipLock(accountId: string): RowLock {
  return { table: "owners", scope: accountId, id: "owners", mode: "update" };
}

/** Locks the invites of an e-mail address to an account: of two changes that invite it, the second sees the first. */
export function inviteeLock(accountId: string, email: string): RowLock {
  return { table: "owners", scope: accountId, id: email, mode: "update" };
}

/** Locks the use of an idempotency key by a caller: of two repeats, the second sees what the first has made. */
export function requestLock(callerId: string, method: string, requestId: string): RowLock {
  return { table: "owners", scope: callerId, id: `${method} ${requestId}`, mode: "update" };
}

/** Locks how many of a kind an account has: of two changes that make one, the second counts the first. */
export function countLock(accountId: string, kind: "team" | "service_account"): RowLock {
  return { table: "owners", scope: accountId, id: `number of ${kind}`, mode: "update" };
}

/** Locks as the columns that the database function takes. */
export function lockColumns(locks: readonly RowLock[]) {
  return {
    tables: locks.map((lock) => lock.table),
    scopes: locks.map((lock) => lock.scope),
    ids: locks.map((lock) => lock.id),
    modes: locks.map((lock) => modes.indexOf(lock.mode) + 1),
  };
}
