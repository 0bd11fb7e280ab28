import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { endPendingOfSessions } from "../access/pending.ts";
import type { UserCaller } from "../access/principal.ts";
import { requireWholeUser } from "../external-identity/user.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { invalidField, notFound } from "../kernel/error.ts";
import { filterOf, type Page, type PageInput, page } from "../kernel/list.ts";
import { mutateAsUser } from "../kernel/mutation.ts";
import { type RowLock, sessionLock, userLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { endSession } from "./session.ts";

/** A live session of a user. */
export interface Session {
  id: string;
  created_at: Date;
  expires_at: Date;
  last_used_at: Date | null;
}

/** Lists the live sessions of the signed-in user. */
export async function listSessions(
  db: Db,
  user: UserCaller,
  sessionIdleMs: number,
  input: PageInput,
): Promise<Page<Session>> {
  await requireWholeUser(db, user);
  const query = db
    .selectFrom("session as s")
    .leftJoin("session_use as u", "u.session_id", "s.id")
    .select(["s.id", "s.created_at", "s.expires_at", "u.last_used_at"])
    .where("s.user_id", "=", user.userId);
  const fits = filterOf([
    sql<boolean>`s.ended_at is null and s.expires_at > clock_timestamp()`,
    sql<boolean>`coalesce(u.last_used_at, s.created_at) + ${sessionIdleMs} * interval '1 millisecond' > clock_timestamp()`,
  ]);
  return page(db, query, "s.id", input, fits);
}

/** Ends one session of the signed-in user, or all sessions except the calling one. */
export async function revokeSession(
  db: Store,
  user: UserCaller,
  input: { id: string; allOthers: boolean },
): Promise<void> {
  if (input.allOthers === (input.id !== "")) throw invalidField("id", "expected either an id or all_others");
  const ended = input.allOthers
    ? await sessionLocks(db, user.userId)
    : [sessionLock(user.userId, input.id, "no key update")];
  const locks = [userLock(user.userId, "no key update"), ...ended];
  const read = (tx: Tx) =>
    tx
      .selectFrom("session")
      .select("id")
      .where("id", "=", input.id)
      .where("user_id", "=", user.userId)
      .executeTakeFirst();
  return mutateAsUser(db, { by: user, locks, read }, async (tx, session) => {
    await requireWholeUser(tx, user);
    if (input.allOthers) {
      return { result: undefined, events: await endSessions(tx, user.userId, user.sessionId) };
    }
    if (!session) throw notFound("session");
    return { result: undefined, events: await revokeOne(tx, session.id, user.userId) };
  });
}

/** Returns the locks for the end of all sessions that a user has now. A new session would need the lock of the user. */
export async function sessionLocks(db: Db, userId: string): Promise<RowLock[]> {
  const sessions = await liveSessions(db, userId);
  return sessions.map(({ id }) => sessionLock(userId, id, "no key update"));
}

/** Revokes a session, and what it made pending, because an attacker may have used it. A log-out only ends the session. */
export async function revokeOne(tx: Tx, sessionId: string, userId: string): Promise<(Change & Actor)[]> {
  const [ended, pending] = await together([
    endSession(tx, sessionId, userId),
    endPendingOfSessions(tx, sql`select ${sessionId}::text`),
  ]);
  return [...ended, ...pending];
}

/**
 * Revokes all sessions of a locked user, except the named one. Also ends what earlier, ended sessions made pending. Returns
 * the audit events.
 */
export async function endSessions(tx: Tx, userId: string, except = ""): Promise<(Change & Actor)[]> {
  const others = sql`select s.id from session s where s.user_id = ${userId} and s.id <> ${except}`;
  const [pending, live] = await together([endPendingOfSessions(tx, others), liveSessions(tx, userId)]);
  const ending = live.filter(({ id }) => id !== except).map(({ id }) => endSession(tx, id, userId));
  return [...pending, ...(await together(ending)).flat()];
}

function liveSessions(db: Db, userId: string): Promise<{ id: string }[]> {
  return db
    .selectFrom("session")
    .select("id")
    .where("user_id", "=", userId)
    .where("ended_at", "is", null)
    .orderBy("id")
    .execute();
}
