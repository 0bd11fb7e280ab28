import { sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { callerDigest, makerColumns } from "../access/maker.ts";
import type { Caller } from "../access/principal.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import type { TokenKind } from "../kernel/token.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  findApiKey,
  isOwnDeveloperKey,
  readApiKeyOrOwn,
  refuseRevoked,
  systemKey,
  touchApiKey,
} from "./api-key.ts";
import { insertToken, type MintDeps } from "./create.ts";
import { checkKey, loadKeyState } from "./owner.ts";

/** A key that rotates itself keeps its old token at least so long, so that a lost answer locks nobody out. */
export const minSelfGraceMs = 60_000;
// Ended tokens are kept so long, so that their holders are told that they ended.
const keepEndedTokens = sql`interval '30 days'`;

/**
 * Mints a new token for a key, which keeps its id, grants and end; every earlier token ends after the grace period.
 * Whoever rotates a key holds its token afterwards, so they must hold all that it may do.
 */
export async function rotateApiKey(
  db: Store,
  caller: Caller,
  { mint, bounds }: Pick<MintDeps, "mint" | "bounds">,
  input: { id: string; graceMs: number },
): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, input.id)];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const key = await readApiKeyOrOwn(tx, caller, input.id, "api_keys:write", (one) => isOwn(caller, one));
    const itself = caller.keyId === key.id;
    checkRotation(caller, key, itself);
    refuseRevoked(key);
    if (key.expired) {
      throw new DomainError("WRONG_STATE", "the key has expired: a new token would be dead", {
        key_id: key.id,
        state: "expired",
      });
    }
    const { owner, state } = await loadKeyState(tx, key);
    await checkKey(tx, caller, { owner, after: state });
    if (itself && input.graceMs < minSelfGraceMs) {
      throw invalidField("grace_period", "expected at least 60s where a key rotates itself");
    }
    if (input.graceMs > 0) await beginGrace(tx, caller, bounds, key.id, input.graceMs);
    else await endTokens(tx, key.id);
    await makeRoom(tx, bounds, key.id);
    const minted = mint(tokenKind(key), key.id);
    await insertToken(tx, caller.accountId, key.id, minted);
    await touchApiKey(tx, key);
    const after = { hint: minted.hint, grace_seconds: input.graceMs / 1000 };
    return {
      result: { ...(await findApiKey(tx, caller, key.id)), token: minted.token },
      events: [{ resourceType: "api_key", resourceId: key.id, after }],
    };
  });
}

// A service key rotates itself without more, and a person their own developer key.
function isOwn(caller: Caller, key: ApiKeyRow): boolean {
  return isOwnDeveloperKey(caller, key) || (caller.keyId === key.id && key.kind === "service");
}

function checkRotation(caller: Caller, key: ApiKeyRow, itself: boolean): void {
  if (key.kind === "developer" && key.owner_profile_id !== caller.profile.id) {
    throw new DomainError("PERMISSION_DENIED", "a developer key is rotated by its own user", {
      permission: "api_keys:write",
    });
  }
  if (key.system && !itself && !caller.owner) {
    throw systemKey(key, "a system key is rotated by an owner's session or by itself");
  }
}

/** What the token of a key is called. */
export function tokenKind(key: Pick<ApiKeyRow, "kind" | "environment">): TokenKind {
  if (key.kind === "application") return key.environment ?? "live";
  return key.kind === "service" ? "svc" : "dev";
}

/** Ends every live token of a key at once. */
export async function endTokens(tx: Tx, keyId: string): Promise<void> {
  await forgetEnded(tx, keyId);
  await tx
    .updateTable("api_key_token")
    .set({ ends_at: sql`clock_timestamp()` })
    .where("api_key_id", "=", keyId)
    .where(live)
    .execute();
  await tx.deleteFrom("grace_period").where("api_key_id", "=", keyId).execute();
}

const live = sql<boolean>`coalesce(ends_at > clock_timestamp(), true)`;

// Ends every live token of a key after the grace period, or when it would have ended anyway. The credential that gives
// the grace period is stored with it.
async function beginGrace(
  tx: Tx,
  caller: Caller,
  bounds: Bounds,
  keyId: string,
  graceMs: number,
): Promise<void> {
  await forgetEnded(tx, keyId);
  const end = sql`clock_timestamp() + ${graceMs} * interval '1 millisecond'`;
  const current = await tx
    .selectFrom("api_key_token")
    .select("id")
    .where("api_key_id", "=", keyId)
    .where("ends_at", "is", null)
    .executeTakeFirst();
  for (const table of ["api_key_token", "grace_period"] as const) {
    await sql`
      update ${sql.table(table)} set ends_at = least(ends_at, ${end})
      where api_key_id = ${keyId} and ${live}`.execute(tx);
  }
  if (!current) return;
  await requireGraceWithin(tx, bounds, caller.accountId);
  const { made_by_key, made_by_session, made_by_identity } = makerColumns(caller);
  await sql`
    insert into grace_period
      (token_id, account_id, api_key_id, made_by, made_by_key, made_by_session, made_by_identity, made_with, ends_at)
    select id, account_id, api_key_id, ${caller.profile.id}, ${made_by_key}, ${made_by_session}, ${made_by_identity},
      ${callerDigest(caller)}, ends_at
    from api_key_token where id = ${current.id}`.execute(tx);
}

async function forgetEnded(tx: Tx, keyId: string): Promise<void> {
  await sql`
    delete from api_key_token
    where api_key_id = ${keyId} and ends_at < clock_timestamp() - ${keepEndedTokens}`.execute(tx);
  await sql`
    delete from grace_period where api_key_id = ${keyId} and ends_at <= clock_timestamp()`.execute(tx);
}

async function requireGraceWithin(tx: Tx, bounds: Bounds, accountId: string): Promise<void> {
  const { pending } = await tx
    .selectFrom("grace_period")
    .select(sql<number>`count(*)::int`.as("pending"))
    .where("account_id", "=", accountId)
    .where(sql<boolean>`ends_at > clock_timestamp()`)
    .executeTakeFirstOrThrow();
  requireWithin(bounds, "gracePeriodsPerAccount", pending + 1);
}

// Verification reads every token of a key. Those that ended first make room; their holders are no longer told so.
async function makeRoom(tx: Tx, bounds: Bounds, keyId: string): Promise<void> {
  const { live } = await tx
    .selectFrom("api_key_token")
    .select(sql<number>`count(*) filter (where ends_at > clock_timestamp())::int`.as("live"))
    .where("api_key_id", "=", keyId)
    .executeTakeFirstOrThrow();
  requireWithin(bounds, "tokensPerKey", live + 1);
  await sql`
    delete from api_key_token where id in (
      select id from api_key_token
      where api_key_id = ${keyId} and ends_at <= clock_timestamp()
      order by ends_at desc, id desc
      offset ${bounds.tokensPerKey - live - 1}
    )`.execute(tx);
}
