import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Call } from "../access/principal.ts";
import { accountsEverOf } from "../access/user-accounts.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { type Locking, mutateUnchecked } from "../kernel/mutation.ts";
import {
  accountLock,
  embedSessionLock,
  type RowLock,
  rowLock,
  sessionLock,
  userLock,
} from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { hashToken, type ParsedToken, parseTokenOfAnyPrefix } from "../kernel/token.ts";
import { embedSessionEnded, endEmbedSession, findEmbedSession } from "../session/embed.ts";
import { revokeOne } from "../session/list.ts";

/**
 * Ends the presented token (RFC 7009). The token itself is the right to end it. If a key then has no live token, it is
 * revoked. A system key is not revoked. Unknown, malformed and already ended tokens get the same response.
 */
export async function revokeToken(db: Store, call: Call, token: string): Promise<void> {
  const parsed = parseTokenOfAnyPrefix(token);
  if (!parsed) return;
  const hash = hashToken(token);
  if (parsed.kind === "inv" || parsed.kind === "otp") return;
  if (parsed.kind === "emb") return revokeEmbedSession(db, call, parsed.id, hash);
  const locks = await locksOf(db, parsed, hash);
  const isSession = parsed.kind === "ses";
  const read = async (tx: Tx) => (isSession ? undefined : await findLiveToken(tx, parsed.id, hash));
  const locking = { by: call, locks, read, ...concernedBy(locks) };
  await mutateUnchecked(db, "RevokeToken", locking, async (tx, token) => {
    if (isSession) {
      const events = await revokeSession(tx, parsed.id, hash);
      return { events, write: async () => undefined };
    }
    if (!token) return { events: [], write: async () => undefined };
    return { events: [tokenEnded(token)], write: () => endToken(tx, token) };
  });
}

// A session has no account. Whatever it made pending is in an account of its user.
function concernedBy(locks: readonly RowLock[]): Pick<Locking<Call>, "accountIds"> {
  const [first] = locks;
  if (first?.table === "user") return { accountIds: accountsEverOf(first.id) };
  return first ? { accountIds: [first.id] } : {};
}

async function revokeEmbedSession(db: Store, call: Call, id: string, hash: Buffer): Promise<void> {
  const known = await findEmbedSession(db, id, hash);
  const accountIds = known ? [known.account_id] : [];
  const locks = known
    ? [accountLock(known.account_id, "key share"), embedSessionLock(known.account_id, id, "update")]
    : [];
  const read = (tx: Tx) => findEmbedSession(tx, id, hash);
  const locking = { by: call, locks, read, ...(known && { accountIds }) };
  await mutateUnchecked(db, "RevokeEmbedSession", locking, async (tx, session) =>
    session
      ? { events: [embedSessionEnded(session)], write: () => endEmbedSession(tx, session) }
      : { events: [], result: undefined },
  );
}

// Returns no locks if the caller does not hold the token.
async function locksOf(db: Db, { kind, id }: ParsedToken, hash: Buffer): Promise<RowLock[]> {
  if (kind === "ses") {
    const session = await findSession(db, id, hash);
    if (!session) return [];
    return [userLock(session.user_id, "share"), sessionLock(session.user_id, id, "no key update")];
  }
  const token = await db
    .selectFrom("api_key_token")
    .select("account_id")
    .where("api_key_id", "=", id)
    .where("hash", "=", hash)
    .executeTakeFirst();
  if (!token) return [];
  return [
    accountLock(token.account_id, "key share"),
    rowLock("api_key", token.account_id, id, "no key update"),
  ];
}

async function revokeSession(tx: Tx, id: string, hash: Buffer) {
  const session = await findSession(tx, id, hash);
  return session ? revokeOne(tx, session.id, session.user_id) : [];
}

function findSession(db: Db, id: string, hash: Buffer) {
  return db
    .selectFrom("session")
    .select(["id", "user_id"])
    .where("id", "=", id)
    .where("hash", "=", hash)
    .executeTakeFirst();
}

/** A live token, its key, and whether the key is revoked with it. */
interface LiveToken {
  id: string;
  hint: string;
  key_id: string;
  account_id: string;
  profile_id: string;
  /** The key has no other live token, and is no system key. */
  last: boolean;
}

async function findLiveToken(tx: Tx, keyId: string, hash: Buffer): Promise<LiveToken | undefined> {
  const { rows } = await sql<LiveToken>`
    select t.id::text as id, t.hint, k.id as key_id, k.account_id,
      coalesce(k.owner_profile_id, k.profile_id) as profile_id,
      not k.system and not exists (
        select from api_key_token x where x.api_key_id = k.id and x.id <> t.id and ${live("x")}
      ) as last
    from api_key k
    join api_key_token t on t.api_key_id = k.id
    where k.id = ${keyId} and t.hash = ${hash} and ${live("t")}`.execute(tx);
  return rows[0];
}

async function endToken(tx: Tx, { id, key_id, last }: LiveToken): Promise<void> {
  const now = sql<Date>`clock_timestamp()`;
  const touch = tx
    .updateTable("api_key")
    .set((eb) => ({
      changed_at: now,
      version: eb("version", "+", 1),
      ...(last && { revoked_at: sql<Date>`coalesce(revoked_at, clock_timestamp())` }),
    }))
    .where("id", "=", key_id);
  await together([
    tx.updateTable("api_key_token").set({ ends_at: now }).where("id", "=", id).execute(),
    tx.deleteFrom("grace_period").where("token_id", "=", id).execute(),
    touch.execute(),
  ]);
}

function tokenEnded({ hint, key_id, account_id, profile_id, last }: LiveToken): Change & Actor {
  return {
    accountId: account_id,
    profileId: profile_id,
    keyId: key_id,
    resourceType: "api_key",
    resourceId: key_id,
    before: { token: hint },
    after: { token: null, ...(last && { revoked: true }) },
  };
}

const live = (table: "t" | "x") => sql`coalesce(${sql.ref(table)}.ends_at > clock_timestamp(), true)`;
