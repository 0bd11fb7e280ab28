import { sql } from "kysely";
import type { Db, Tx } from "../db/connect.ts";
import type { Actor, Change } from "./audit-event.ts";
import { invalidField, notFound } from "./error.ts";
import { type Page, type PageInput, page } from "./list.ts";
import { mutateAs } from "./mutation.ts";
import { requireWholeUser } from "./outside-user.ts";
import type { UserCaller } from "./principal.ts";
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
    .where("s.user_id", "=", user.userId)
    .where("s.ended_at", "is", null)
    .where(sql<boolean>`s.expires_at > clock_timestamp()`)
    .where(
      sql<boolean>`coalesce(u.last_used_at, s.created_at) + ${sessionIdleMs} * interval '1 millisecond' > clock_timestamp()`,
    );
  return page(query, "s.id", input, (session) => session.id);
}

/** Ends one session of the signed-in user, or every one but that which asks. */
export async function revokeSession(
  db: Db,
  user: UserCaller,
  input: { id: string; allOthers: boolean },
): Promise<void> {
  if (input.allOthers === (input.id !== "")) throw invalidField("id", "expected either an id or all_others");
  await requireWholeUser(db, user);
  return mutateAs(db, user.call, async (tx) => {
    if (input.allOthers) {
      return { result: undefined, events: await endSessions(tx, user.userId, user.sessionId) };
    }
    const session = await tx
      .selectFrom("session")
      .select("id")
      .where("id", "=", input.id)
      .where("user_id", "=", user.userId)
      .executeTakeFirst();
    if (!session) throw notFound("session");
    return { result: undefined, events: await endSession(tx, session.id, user.userId) };
  });
}

/** Ends all sessions of a user, except one where it is named. Says what that changed. */
export async function endSessions(tx: Tx, userId: string, except = ""): Promise<(Change & Actor)[]> {
  const sessions = await tx
    .selectFrom("session")
    .select("id")
    .where("user_id", "=", userId)
    .where("id", "!=", except)
    .where("ended_at", "is", null)
    .orderBy("id")
    .forUpdate()
    .execute();
  const events: (Change & Actor)[] = [];
  for (const session of sessions) events.push(...(await endSession(tx, session.id, userId)));
  return events;
}
