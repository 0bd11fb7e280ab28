/**
 * The tables whose rows a change may lock. `owners` is not a table. It locks things that have a name but no row, such
 * as the ownership of an account or the use of an idempotency key.
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

/** The lock modes of Postgres. The last two are exclusive. */
export type LockMode = "key share" | "share" | "no key update" | "update";

/** A row that a change locks in its first statement. */
export interface RowLock {
  table: LockTable;
  /** The account of the row, or the user of a session. */
  scope: string;
  /** For a membership or a guest, the id of the profile. For a service account, either of its ids. */
  id: string;
  mode: LockMode;
}

const modes: LockMode[] = ["key share", "share", "no key update", "update"];

/** Returns a lock of a row in an account. */
export function rowLock(table: LockTable, accountId: string, id: string, mode: LockMode): RowLock {
  return { table, scope: accountId, id, mode };
}

/** Returns a lock of an account. In an exclusive mode, no other change in the account runs until this one has ended. */
export function accountLock(accountId: string, mode: LockMode): RowLock {
  return { table: "account", scope: accountId, id: accountId, mode };
}

/** Returns a lock of a user. */
export function userLock(userId: string, mode: LockMode): RowLock {
  return { table: "user", scope: userId, id: userId, mode };
}

/** Returns a lock of a session of a user. */
export function sessionLock(userId: string, sessionId: string, mode: LockMode): RowLock {
  return { table: "session", scope: userId, id: sessionId, mode };
}

/** Returns a lock of an external identity. */
export function identityLock(identityId: string, mode: LockMode): RowLock {
  return { table: "identity", scope: identityId, id: identityId, mode };
}

/**
 * Returns a lock of the ownership of an account. It orders two changes that may remove owners, so that the second sees
 * the first.
 */
export function ownershipLock(accountId: string): RowLock {
  return { table: "owners", scope: accountId, id: "owners", mode: "update" };
}

/**
 * Returns a lock of the invites of an e-mail address to an account. It orders two invites, so that the second sees the
 * first.
 */
export function inviteeLock(accountId: string, email: string): RowLock {
  return { table: "owners", scope: accountId, id: email, mode: "update" };
}

/** Returns a lock of a caller's idempotency key. It orders two repeats, so that the second sees what the first created. */
export function requestLock(callerId: string, method: string, requestId: string): RowLock {
  return { table: "owners", scope: callerId, id: `${method} ${requestId}`, mode: "update" };
}

/**
 * Returns a lock of the number of resources of one kind in an account. It orders two creations, so that the second
 * counts the first.
 */
export function countLock(accountId: string, kind: "team" | "service_account"): RowLock {
  return { table: "owners", scope: accountId, id: `number of ${kind}`, mode: "update" };
}

/** Returns a lock of an embed session of an account. It has no row of its own in the order of locks. */
export function embedSessionLock(accountId: string, id: string, mode: LockMode): RowLock {
  return { table: "owners", scope: accountId, id, mode };
}

/** Returns a lock of the number of embed sessions of a platform key in an account. It orders two creations. */
export function embedCountLock(accountId: string, keyId: string): RowLock {
  return { table: "owners", scope: accountId, id: `embed sessions of ${keyId}`, mode: "update" };
}

/** Returns locks as the columns that the database function takes. */
export function lockColumns(locks: readonly RowLock[]) {
  return {
    tables: locks.map((lock) => lock.table),
    scopes: locks.map((lock) => lock.scope),
    ids: locks.map((lock) => lock.id),
    modes: locks.map((lock) => modes.indexOf(lock.mode) + 1),
  };
}
