import {
  accountLock,
  embedSessionLock,
  identityLock,
  type RowLock,
  rowLock,
  sessionLock,
  userLock,
} from "../kernel/row-lock.ts";
import type { Caller, UserCaller } from "./principal.ts";

/**
 * Returns locks for the rows that give a principal its rights in its account. While they are held, no change can take
 * those rights away.
 */
export function callerLocks(caller: Caller): RowLock[] {
  const { home } = caller;
  if (!home) return ownLocks(caller);
  // The rights of a platform key come from its own account. The tenant stays as it is, for example not suspended.
  const { accountId, embedSessionId } = caller;
  const session = embedSessionId === undefined ? [] : [embedSessionLock(accountId, embedSessionId, "share")];
  return [accountLock(accountId, "key share"), ...session, ...ownLocks({ ...caller, ...home })];
}

function ownLocks({ accountId, profile, userId = "", keyId, drawsOn, authority }: Caller): RowLock[] {
  const { credentialId: id, kind } = authority;
  const account = accountLock(accountId, "key share");
  const member = rowLock("membership", accountId, profile.id, "share");
  switch (kind) {
    case "session":
      return [account, member, sessionLock(userId, id, "share")];
    case "outside":
      return [account, member, rowLock("guest", accountId, profile.id, "share"), identityLock(id, "share")];
    default: {
      const key = [account, rowLock("api_key", accountId, keyId ?? id, "share")];
      // The limits of that key decide what this one may make.
      if (drawsOn !== undefined) key.push(rowLock("api_key", accountId, drawsOn, "share"));
      if (kind === "developer") return [...key, member];
      const owned = kind === "service" && profile.type === "service_account";
      return owned ? [...key, rowLock("service_account", accountId, profile.id, "share")] : key;
    }
  }
}

/** Returns locks for the rows that give a signed-in user its rights. */
export function userLocks({ userId, authority }: UserCaller): RowLock[] {
  const { credentialId: id, kind } = authority;
  const credential = kind === "outside" ? identityLock(id, "share") : sessionLock(userId, id, "share");
  return [userLock(userId, "share"), credential];
}
