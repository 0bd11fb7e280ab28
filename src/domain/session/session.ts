import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Call, ProfileRef, UserCaller } from "../access/principal.ts";
import { type Account, accountsOfUser } from "../account/account.ts";
import { accountMade, makeAccount, ownerOf } from "../account/create.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { mutateAsUser, mutateUnchecked } from "../kernel/mutation.ts";
import { sessionLock, userLock } from "../kernel/row-lock.ts";
import { normaliseEmail, requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import type { Passwords } from "../user/password.ts";
import { insertSession, type MintingDeps, newSession, storeSession } from "./create.ts";
import type { FailedLogIns } from "./failed-log-in.ts";

/** What sign-up and log-in depend on. */
export interface SessionDeps extends MintingDeps {
  passwords: Passwords;
  signup: "open" | "closed";
}

/** The fields of a sign-up. */
export interface SignUp {
  email: string;
  password: string;
  name: string;
  accountName: string;
}

/** Creates a user, an account that the user owns, and a session. */
export async function signUp(
  db: Store,
  call: Call,
  deps: SessionDeps,
  input: SignUp,
): Promise<{ account: Account; profile: ProfileRef; token: string }> {
  if (deps.signup === "closed")
    throw new DomainError("PERMISSION_DENIED", "sign-up is closed on this deployment");
  const email = normaliseEmail(input.email);
  const name = requireName(input.name, "name");
  const accountName = requireName(input.accountName, "account_name");
  const { password } = input;
  const hash = await deps.passwords.make(call, {
    password,
    field: "password",
    personal: [name, email, accountName],
  });
  const user = { id: newId("user"), email, name, password_hash: hash };
  const fields = { name: accountName, description: "", externalId: "", labels: {} };
  const accountId = newId("acct");
  const owner = ownerOf({ userId: user.id, email, name });
  const read = (tx: Tx) => tx.selectFrom("user").select("id").where("email", "=", email).executeTakeFirst();
  // If two callers sign up with one address at the same time, the insert of one fails. Its transaction runs again and finds
  // the user that the other one created.
  const locking = { by: call, locks: [], read, accountIds: [] };
  return mutateUnchecked(db, "SignUp", locking, async (tx, existing) => {
    if (existing) {
      throw new DomainError("ALREADY_EXISTS", "this e-mail address has a user; log in instead", {
        field: "email",
      });
    }
    return {
      events: [accountMade(accountId, fields, owner)],
      async write() {
        const [, account, { token }] = await together([
          tx.insertInto("user").values(user).execute(),
          makeAccount(tx, accountId, fields, owner),
          insertSession(tx, deps, user.id),
        ]);
        return { account, profile: owner.profile, token };
      },
    };
  });
}

/**
 * Logs a user in. An unknown address and a wrong password fail with the same error. The accounts of a known user get an
 * audit event for each failure.
 */
export async function logIn(
  db: Store,
  call: Call,
  deps: SessionDeps & { failedLogIns: Pick<FailedLogIns, "record"> },
  input: { email: string; password: string },
): Promise<{ token: string; accounts: Account[] }> {
  // This only adds to a buffer. Compared with the hash, that takes no time, so it does not reveal whether the user exists.
  function fail(userId: string): DomainError {
    deps.failedLogIns.record(userId, call);
    return wrongCredentials();
  }
  const user = await db
    .selectFrom("user")
    .select(["id", "password_hash"])
    .where("email", "=", normaliseEmail(input.email))
    .executeTakeFirst();
  const right = await deps.passwords.check(call, user?.password_hash ?? undefined, input.password);
  if (!user) throw wrongCredentials();
  if (!right) throw fail(user.id);
  const surplus = await oldestSessions(db, user.id);
  const locks = [
    userLock(user.id, "no key update"),
    ...surplus.map((id) => sessionLock(user.id, id, "no key update")),
  ];
  const session = newSession(deps, user.id);
  const read = async (tx: Tx) => {
    const [unchanged, accounts, begun] = await together([
      // The check takes a while. Because of the lock, a password change either comes first or ends this session too.
      tx
        .selectFrom("user")
        .select("id")
        .where("id", "=", user.id)
        .where("password_hash", "=", user.password_hash)
        .executeTakeFirst(),
      accountsOfUser(tx, user.id),
      inEveryAccount(tx, user.id, {
        resourceType: "session",
        resourceId: session.id,
        after: { session_id: session.id },
      }),
    ]);
    return { unchanged, accounts, begun };
  };
  // No guard keeps what a session may do, and the end of the oldest sessions ends nothing else.
  return mutateUnchecked(db, "LogIn", { by: call, locks, read, accountIds: [] }, async (tx, found) => {
    if (!found.unchanged) throw fail(user.id);
    const ended = await together(surplus.map((id) => endSession(tx, id, user.id)));
    return {
      events: [...found.begun, ...ended.flat()],
      async write() {
        await storeSession(tx, deps, session);
        return { token: session.token, accounts: found.accounts };
      },
    };
  });
}

// One change can end all sessions of a user. This number bounds the cost of that change.
const maxSessionsPerUser = 100;
const maxEndedAtOnce = 100;

// The oldest sessions, which a new session ends if the user would have more than `maxSessionsPerUser`.
async function oldestSessions(db: Db, userId: string): Promise<string[]> {
  const sessions = await db
    .selectFrom("session")
    .select("id")
    .where("user_id", "=", userId)
    .where("ended_at", "is", null)
    .orderBy("id", "desc")
    .offset(maxSessionsPerUser - 1)
    .limit(maxEndedAtOnce)
    .execute();
  return sessions.map(({ id }) => id);
}

/** Ends the calling session. A token of an external issuer is no session, and cannot be ended. */
export async function logOut(db: Store, user: UserCaller): Promise<void> {
  const { sessionId } = user;
  if (sessionId === undefined) throw endsByItself(user.external?.endsAt);
  const locks = [sessionLock(user.userId, sessionId, "no key update")];
  const change = { resourceType: "session", resourceId: sessionId, before: { session_id: sessionId } };
  const read = (tx: Tx) => inEveryAccount(tx, user.userId, change);
  // The caller's session is live: it was evaluated under its lock.
  // No guard keeps what a session may do, and a log-out ends nothing else.
  return mutateAsUser(db, { by: user, locks, read, accountIds: [] }, async (tx, events) => ({
    events,
    write: async () => void (await markEnded(tx, sessionId)),
  }));
}

/** Returns the error for an attempt to end a token of an external issuer. */
export function endsByItself(endsAt: Date | undefined): DomainError {
  const at = endsAt?.toISOString() ?? "";
  return new DomainError(
    "WRONG_STATE",
    `a token of an external issuer cannot be ended here: it ends at ${at}`,
    {
      ends_at: at,
    },
  );
}

/** Ends a session. Returns an audit event for every account of the user. */
export async function endSession(tx: Tx, sessionId: string, userId: string) {
  const before = { session_id: sessionId };
  const [ended, events] = await together([
    markEnded(tx, sessionId),
    inEveryAccount(tx, userId, { resourceType: "session", resourceId: sessionId, before }),
  ]);
  return ended ? events : [];
}

async function markEnded(tx: Tx, sessionId: string): Promise<boolean> {
  const ended = await tx
    .updateTable("session")
    .set({ ended_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", sessionId)
    .where("ended_at", "is", null)
    .executeTakeFirst();
  return ended.numUpdatedRows > 0n;
}

/**
 * Returns the audit events of a change of a user or a session: one in each account of the user, under the user's profile
 * there.
 */
export async function inEveryAccount(tx: Tx, userId: string, change: Change): Promise<(Change & Actor)[]> {
  const memberships = await tx
    .selectFrom("membership")
    .select(["account_id", "profile_id"])
    .where("user_id", "=", userId)
    .execute();
  return memberships.map((membership) => ({
    accountId: membership.account_id,
    profileId: membership.profile_id,
    ...change,
  }));
}

function wrongCredentials(): DomainError {
  return new DomainError("INVALID_CREDENTIALS", "the e-mail address or the password is wrong");
}
