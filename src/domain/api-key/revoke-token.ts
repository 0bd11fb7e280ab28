import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Call } from "../access/principal.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { mutateUnchecked } from "../kernel/mutation.ts";
import { accountLock, type RowLock, rowLock, sessionLock, userLock } from "../kernel/row-lock.ts";
import { hashToken, type ParsedToken, parseTokenOfAnyPrefix } from "../kernel/token.ts";
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
  const locks = await locksOf(db, parsed, hash);
  await mutateUnchecked(db, "RevokeToken", { by: call, locks }, async (tx) => {
    const events =
      parsed.kind === "ses"
        ? await revokeSession(tx, parsed.id, hash)
        : await revokeKeyToken(tx, parsed.id, hash);
    return { result: undefined, events };
  });
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

async function revokeKeyToken(tx: Tx, keyId: string, hash: Buffer): Promise<(Change & Actor)[]> {
  const key = await tx
    .selectFrom("api_key")
    .select(["id", "account_id", "profile_id", "owner_profile_id", "system", "version"])
    .where("id", "=", keyId)
    .executeTakeFirst();
  if (!key) return [];
  const now = sql<Date>`clock_timestamp()`;
  const ended = await tx
    .updateTable("api_key_token")
    .set({ ends_at: now })
    .where("api_key_id", "=", key.id)
    .where("hash", "=", hash)
    .where(live)
    .returning(["id", "hint"])
    .executeTakeFirst();
  if (!ended) return [];
  await tx.deleteFrom("grace_period").where("token_id", "=", ended.id).execute();
  const left = await tx
    .selectFrom("api_key_token")
    .select("id")
    .where("api_key_id", "=", key.id)
    .where(live)
    .execute();
  const revoked = left.length === 0 && !key.system;
  await tx
    .updateTable("api_key")
    .set({
      changed_at: now,
      version: key.version + 1,
      ...(revoked && { revoked_at: sql<Date>`coalesce(revoked_at, clock_timestamp())` }),
    })
    .where("id", "=", key.id)
    .execute();
  return [
    {
      accountId: key.account_id,
      profileId: key.owner_profile_id ?? key.profile_id,
      keyId: key.id,
      resourceType: "api_key",
      resourceId: key.id,
      before: { token: ended.hint },
      after: { token: null, ...(revoked && { revoked: true }) },
    },
  ];
}

const live = sql<boolean>`coalesce(ends_at > clock_timestamp(), true)`;
