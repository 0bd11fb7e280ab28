import { type RawBuilder, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Change } from "../kernel/audit-event.ts";
import { digestOf, type KeyNow, loadKeys, type Maker, type MakerNow, makerHolds, makerKey } from "./maker.ts";

/** A grace period that has not ended, with the credential that gave it. */
export interface Grace extends Maker, Ended {
  accountId: string;
  token_id: string;
  made_with: string;
}

/** The key and the superseded token of a grace period that ended. */
export interface Ended {
  api_key_id: string;
  hint: string;
}

/** Loads the grace periods that fulfil a condition on `grace_period g`. */
export async function loadGraces(tx: Tx, condition: RawBuilder<unknown>): Promise<Grace[]> {
  const { rows } = await sql<Grace>`
    select g.token_id::text as token_id, g.account_id as "accountId", g.api_key_id, t.hint, g.made_by as "profileId",
      g.made_by_key, g.made_by_session, g.made_by_identity, g.made_with
    from grace_period g
    join api_key_token t on t.id = g.token_id
    where ${condition} and g.ends_at > clock_timestamp() and t.ends_at > clock_timestamp()
    order by g.token_id`.execute(tx);
  return rows;
}

// The keys that one statement loads. A statement has a timeout.
const keysPerStatement = 1_000;

/**
 * Ends the grace periods whose makers no longer hold what the rotated key reaches, and returns them. `makers` has what the
 * makers reach now, by `makerKey`. The grace periods of a maker that has ended all end, so their keys are not loaded. With
 * `accountId`, a key of another account counts as missing.
 */
export async function endUnheld(
  tx: Tx,
  graces: readonly Grace[],
  makers: ReadonlyMap<string, MakerNow>,
  accountId?: string,
): Promise<Grace[]> {
  const compared = graces.filter((grace) => makers.has(makerKey(grace))).map((grace) => grace.api_key_id);
  const keys = new Map<string, KeyNow>();
  for (let at = 0; at < compared.length; at += keysPerStatement) {
    const loaded = await loadKeys(tx, compared.slice(at, at + keysPerStatement), accountId);
    for (const [id, key] of loaded) keys.set(id, key);
  }
  const isHeld = (grace: Grace) => {
    const key = keys.get(grace.api_key_id);
    return key !== undefined && makerHolds(makers.get(makerKey(grace)), key.most);
  };
  const held = new Set(graces.filter(isHeld));
  const over = graces.filter((grace) => !held.has(grace));
  await end(tx, over);
  await keep(tx, [...held], makers);
  return over;
}

async function end(tx: Tx, graces: readonly Grace[]): Promise<void> {
  if (graces.length === 0) return;
  const ids = graces.map((grace) => grace.token_id);
  await sql`
    update api_key_token set ends_at = clock_timestamp()
    where id = any (${ids}::bigint[]) and ends_at > clock_timestamp()`.execute(tx);
  await sql`delete from grace_period where token_id = any (${ids}::bigint[])`.execute(tx);
}

// Stores the new digests. The server compares these records again only if their maker changes again.
async function keep(tx: Tx, graces: readonly Grace[], makers: ReadonlyMap<string, MakerNow>): Promise<void> {
  if (graces.length === 0) return;
  const digests = graces.map((grace) => {
    const maker = makers.get(makerKey(grace));
    return maker ? digestOf(maker) : grace.made_with;
  });
  await sql`
    update grace_period g set made_with = kept.digest
    from unnest(${graces.map((grace) => grace.token_id)}::bigint[], ${digests}::text[]) as kept (token_id, digest)
    where g.token_id = kept.token_id`.execute(tx);
}

/** Returns the change of a key whose grace period ended early. */
export function endedGrace({ api_key_id, hint }: Ended): Change {
  return { resourceType: "api_key", resourceId: api_key_id, before: { token: hint }, after: { token: null } };
}
