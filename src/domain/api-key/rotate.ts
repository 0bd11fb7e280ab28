import { sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import { platformKeyOf } from "../access/acting.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { callerDigest, makerColumns } from "../access/maker.ts";
import type { Caller } from "../access/principal.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import { together } from "../kernel/together.ts";
import type { TokenKind } from "../kernel/token.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  findApiKey,
  isOwnDeveloperKey,
  readLockedKey,
  refuseRevoked,
  requireKeyOrOwn,
  touchApiKey,
} from "./api-key.ts";
import { insertToken, type MintDeps } from "./create.ts";
import { checkKey, ownerRights, readListed, stateOf } from "./owner.ts";
import { checkSystemKey, holderFor, readOwnerless, standsInForOwner } from "./system-key.ts";

/** The minimum grace period of a key that rotates itself. A lost response then does not lock out the client. */
export const minSelfGraceMs = 60_000;
// The server keeps ended tokens for this time, so that it can tell their holders that they ended.
const keepEndedTokens = sql`interval '30 days'`;

/**
 * Mints a new token for a key. The key keeps its id, grants and end. Every earlier token ends after the grace period.
 * The caller gets the token, so it must hold everything that the key may do.
 */
export async function rotateApiKey(
  db: Store,
  caller: Caller,
  { mint, bounds }: Pick<MintDeps, "mint" | "bounds">,
  input: { id: string; graceMs: number },
): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, input.id)];
  const read = async (tx: Tx) => {
    const [key, listed, tokens, ownerless] = await together([
      readLockedKey(tx, caller, input.id),
      readListed(tx, caller),
      readTokens(tx, caller, input.id),
      readOwnerless(tx, caller),
    ]);
    return { found: key, listed, tokens, ownerless };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { found, listed, tokens, ownerless }) => {
    const key = requireKeyOrOwn(caller, found, "api_keys:write", (one) => isOwn(caller, one));
    const itself = caller.keyId === key.id;
    checkRotation(caller, key);
    checkSystemKey(caller, key, ownerless, "rotated");
    refuseRevoked(key);
    if (key.expired) {
      throw new DomainError("WRONG_STATE", "the key has expired, so a new token would be rejected", {
        key_id: key.id,
        state: "expired",
      });
    }
    checkKey(holderFor(caller, key, ownerless), listed, { owner: ownerRights(key), after: stateOf(key) });
    if (key.system && standsInForOwner(caller, ownerless)) refuseGrace(input.graceMs);
    if (itself && input.graceMs < minSelfGraceMs) {
      throw invalidField("grace_period", "expected at least 60s if a key rotates itself");
    }
    const live = requireRoomForToken(bounds, tokens, input.graceMs);
    const minted = mint(tokenKind(key), key.id);
    const after = { hint: minted.hint, grace_seconds: input.graceMs / 1000 };
    return {
      events: [{ resourceType: "api_key", resourceId: key.id, after }],
      async write() {
        const [, , , , rotated] = await together([
          input.graceMs > 0 ? beginGrace(tx, caller, key.id, tokens, input.graceMs) : endLive(tx, key.id),
          deleteEnded(tx, key.id, bounds.tokensPerKey - live - 1),
          insertToken(tx, caller.accountId, key.id, minted),
          touchApiKey(tx, key),
          findApiKey(tx, caller, key.id),
        ]);
        return { ...rotated, token: minted.token };
      },
    };
  });
}

// The platform decides here by `accounts:manage`, which it does not hold in the tenant. So the server could not tell later
// whether a grace period still has the authority that gave it.
function refuseGrace(graceMs: number): void {
  if (graceMs === 0) return;
  const description =
    "expected none, because the platform rotates the system key of an account that has no owner";
  throw invalidField("grace_period", description);
}

/** The live tokens of a key, and the grace periods that count with a new one. */
interface LiveTokens {
  /** The token without an end. */
  current: string | null;
  /** The number of other live tokens. */
  ending: number;
  /** The number of grace periods in the whole account that have not ended. */
  graces: number;
  /** The number of grace periods that the caller gave in all tenants, if it acts for one. Otherwise 0. */
  gracesInTenants: number;
}

async function readTokens(tx: Tx, caller: Caller, keyId: string): Promise<LiveTokens> {
  const { accountId, home } = caller;
  const { rows } = await sql<LiveTokens>`
    select max(id) filter (where ends_at is null)::text as current,
      count(*) filter (where ends_at > clock_timestamp())::int as ending, (
        select count(*)::int from grace_period where account_id = ${accountId} and ends_at > clock_timestamp()
      ) as graces, (
        select count(*)::int from grace_period
        where made_by_key = ${platformKeyOf(caller)} and account_id <> ${home?.accountId ?? null}
          and ends_at > clock_timestamp()
      ) as "gracesInTenants"
    from api_key_token where account_id = ${accountId} and api_key_id = ${keyId}`.execute(tx);
  return rows[0] ?? { current: null, ending: 0, graces: 0, gracesInTenants: 0 };
}

// Fails if a key would have too many tokens, because verification reads all of them. Returns how many stay live
// beside the new one.
function requireRoomForToken(bounds: Bounds, tokens: LiveTokens, graceMs: number): number {
  const { current, ending, graces, gracesInTenants } = tokens;
  const live = graceMs > 0 ? ending + (current === null ? 0 : 1) : 0;
  if (graceMs > 0 && current !== null) {
    requireWithin(bounds, "gracePeriodsPerAccount", graces + 1);
    requireWithin(bounds, "gracePeriodsPerPlatformKey", gracesInTenants + 1);
  }
  requireWithin(bounds, "tokensPerKey", live + 1);
  return live;
}

// A service key may rotate itself without a permission, and a person may rotate their own developer key.
function isOwn(caller: Caller, key: ApiKeyRow): boolean {
  return isOwnDeveloperKey(caller, key) || (caller.keyId === key.id && key.kind === "service");
}

function checkRotation(caller: Caller, key: ApiKeyRow): void {
  if (key.kind === "developer" && key.owner_profile_id !== caller.profile.id) {
    throw new DomainError("PERMISSION_DENIED", "a developer key can be rotated only by its user", {
      permission: "api_keys:write",
    });
  }
}

/** Returns the kind of a key's tokens. */
export function tokenKind(key: Pick<ApiKeyRow, "kind" | "environment">): TokenKind {
  if (key.kind === "application") return key.environment ?? "live";
  return key.kind === "service" ? "svc" : "dev";
}

/** Ends every live token of a key at once. */
export async function endTokens(tx: Tx, keyId: string): Promise<void> {
  await together([endLive(tx, keyId), deleteEnded(tx, keyId)]);
}

const live = sql<boolean>`coalesce(ends_at > clock_timestamp(), true)`;

async function endLive(tx: Tx, keyId: string): Promise<void> {
  await sql`
    with over as (delete from grace_period where api_key_id = ${keyId})
    update api_key_token set ends_at = clock_timestamp() where api_key_id = ${keyId} and ${live}`.execute(tx);
}

// Ends every live token of a key after the grace period, or at its own earlier end. Stores the credential that gives
// the grace period.
async function beginGrace(
  tx: Tx,
  caller: Caller,
  keyId: string,
  { current }: LiveTokens,
  graceMs: number,
): Promise<void> {
  const end = sql`clock_timestamp() + ${graceMs} * interval '1 millisecond'`;
  const { made_by_key, made_by_session, made_by_identity } = makerColumns(caller);
  await together([
    sql`
      update api_key_token set ends_at = least(ends_at, ${end})
      where api_key_id = ${keyId} and ${live}`.execute(tx),
    sql`
      with over as (
        delete from grace_period where api_key_id = ${keyId} and ends_at <= clock_timestamp()
      ), earlier as (
        update grace_period set ends_at = least(ends_at, ${end})
        where api_key_id = ${keyId} and ends_at > clock_timestamp()
      )
      insert into grace_period
        (token_id, account_id, api_key_id, made_by, made_by_key, made_by_session, made_by_identity, made_with, ends_at)
      select id, account_id, api_key_id, ${caller.profile.id}, ${made_by_key}, ${made_by_session}, ${made_by_identity},
        ${callerDigest(caller)}, ends_at
      from api_key_token where id = ${current}::bigint`.execute(tx),
  ]);
}

// Deletes tokens that ended long ago. If there is no room, it also deletes those that ended first. The server then no
// longer recognises them.
async function deleteEnded(tx: Tx, keyId: string, room?: number): Promise<void> {
  await sql`
    delete from api_key_token where id in (
      select id from (
        select id, ends_at, row_number() over (order by ends_at desc, id desc) as place
        from api_key_token
        where api_key_id = ${keyId} and ends_at <= clock_timestamp()
      ) ended
      where place > ${room ?? null}::integer or ends_at < clock_timestamp() - ${keepEndedTokens}
    )`.execute(tx);
}
