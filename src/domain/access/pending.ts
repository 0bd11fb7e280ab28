import { type RawBuilder, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { digestOf, loadKeys, loadMakers, type Maker, type MakerNow, makerKey, standsFor } from "./maker.ts";

// What takes effect, or goes on, after the call that made it: invites, grace periods of superseded tokens, mailed proofs.

/**
 * Ends what is pending in the accounts of some events and whose maker does not stand for it any more, of what
 * `findPending` found. The last step of a change.
 * - Grace periods: if the key that gave them has ended, the person has left, or either reaches less than the rotated key.
 * - Invites: if the key that made them was revoked or disabled. What the maker reaches is compared at acceptance.
 *
 * Compares only what was made by those who reach something else than they did then. So it costs nothing where nothing is
 * pending, and a few statements where no maker changed. Bounds limit how much may be pending.
 */
export async function endPending(
  tx: Tx,
  events: readonly Actor[],
  found: readonly Found[],
): Promise<(Change & Actor)[]> {
  if (found.length === 0) return [];
  const actors = new Map(events.map((event) => [event.accountId, event]));
  const ended: (Change & Actor)[] = [];
  for (const [accountId, { profileId, keyId = "", via }] of actors) {
    const here = found.filter((one) => one.accountId === accountId);
    const changes = [...(await endInvites(tx, here)), ...(await endGraces(tx, accountId, here))];
    const actor = { accountId, profileId, keyId, ...(via && { via }) };
    ended.push(...changes.map((change) => ({ ...change, ...actor })));
  }
  return ended;
}

/** Ends what some sessions made, in every account: they were revoked, since somebody else may have had them. */
export async function endPendingOfSessions(
  tx: Tx,
  sessions: RawBuilder<unknown>,
): Promise<(Change & Actor)[]> {
  await sql`delete from otp where made_by_session in (${sessions}) and used_at is null`.execute(tx);
  const { rows: invites } = await sql<{ id: string; account_id: string; created_by: string }>`
    update invite set revoked_at = clock_timestamp()
    where made_by_session in (${sessions}) and accepted_at is null and revoked_at is null
    returning id, account_id, created_by`.execute(tx);
  const { rows: graces } = await sql<Ended & { account_id: string; made_by: string }>`
    update api_key_token t set ends_at = clock_timestamp()
    from grace_period g
    where g.made_by_session in (${sessions}) and t.id = g.token_id and t.ends_at > clock_timestamp()
    returning g.account_id, g.made_by, g.api_key_id, t.hint`.execute(tx);
  return [
    ...invites.map(({ id, account_id: accountId, created_by: profileId }) => ({
      accountId,
      profileId,
      ...endedInvite(id),
    })),
    ...graces.map(({ account_id: accountId, made_by: profileId, ...grace }) => ({
      accountId,
      profileId,
      ...endedGrace(grace),
    })),
  ];
}

/** A maker of grace periods with the same digest, or an invite whose maker has ended. */
export interface Found extends Maker {
  accountId: string;
  madeWith: string;
  inviteId: string | null;
}

interface Grace extends Maker, Ended {
  token_id: string;
  made_with: string;
}

interface Ended {
  api_key_id: string;
  hint: string;
}

/** What may have to be ended after some events, behind the writes that they tell of. Nothing if those invalidated nothing. */
export async function findPending(tx: Tx, events: readonly Actor[]): Promise<Found[]> {
  const accountIds = [...new Set(events.map((event) => event.accountId))];
  if (accountIds.length === 0) return [];
  const { rows } = await sql<Found>`
    select distinct account_id as "accountId", made_by as "profileId", made_by_key, made_by_session, made_by_identity,
      made_with as "madeWith", null as "inviteId"
    from grace_period
    where current_setting('latchkey.invalidated', true) = 'yes'
      and account_id = any (${accountIds}) and ends_at > clock_timestamp()
    union all
    select i.account_id, i.created_by, i.made_by_key, null, null, '', i.id
    from invite i
    join api_key k on k.id = i.made_by_key
    where current_setting('latchkey.invalidated', true) = 'yes'
      and i.account_id = any (${accountIds}) and i.accepted_at is null and i.revoked_at is null
      and (k.revoked_at is not null or k.disabled_at is not null)`.execute(tx);
  return rows;
}

async function endInvites(tx: Tx, found: Found[]): Promise<Change[]> {
  const ids = found.flatMap(({ inviteId }) => inviteId ?? []);
  if (ids.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    update invite set revoked_at = clock_timestamp()
    where id = any (${ids.toSorted()}) and accepted_at is null and revoked_at is null
    returning id`.execute(tx);
  return rows.map(({ id }) => endedInvite(id));
}

async function endGraces(tx: Tx, accountId: string, found: Found[]): Promise<Change[]> {
  const makers = found.filter(({ inviteId }) => inviteId === null);
  const now = await loadMakers(tx, accountId, makers);
  const changed = makers.filter((maker) => {
    const one = now.get(makerKey(maker));
    return !one || (!one.claims && digestOf(one) !== maker.madeWith);
  });
  if (changed.length === 0) return [];
  const suspects = new Set(changed.map(makerKey));
  const graces = (await loadGraces(tx, accountId)).filter((grace) => suspects.has(makerKey(grace)));
  const keyIds = graces.map((grace) => grace.api_key_id);
  const keys = await loadKeys(tx, keyIds, accountId);
  const over = graces.filter((grace) => {
    const key = keys.get(grace.api_key_id);
    return !key || !standsFor(now.get(makerKey(grace)), key.reach);
  });
  await end(tx, over);
  await keep(
    tx,
    graces.filter((grace) => !over.includes(grace)),
    now,
  );
  return over.map(endedGrace);
}

async function loadGraces(tx: Tx, accountId: string): Promise<Grace[]> {
  const { rows } = await sql<Grace>`
    select g.token_id::text as token_id, g.api_key_id, t.hint, g.made_by as "profileId",
      g.made_by_key, g.made_by_session, g.made_by_identity, g.made_with
    from grace_period g
    join api_key_token t on t.id = g.token_id
    where g.account_id = ${accountId} and g.ends_at > clock_timestamp() and t.ends_at > clock_timestamp()
    order by g.token_id`.execute(tx);
  return rows;
}

async function end(tx: Tx, graces: readonly Grace[]): Promise<void> {
  if (graces.length === 0) return;
  const ids = graces.map((grace) => grace.token_id);
  await sql`
    update api_key_token set ends_at = clock_timestamp()
    where id = any (${ids}::bigint[]) and ends_at > clock_timestamp()`.execute(tx);
  await sql`delete from grace_period where token_id = any (${ids}::bigint[])`.execute(tx);
}

// What was compared is not compared again until its maker changes once more.
async function keep(tx: Tx, graces: readonly Grace[], makers: Map<string, MakerNow>): Promise<void> {
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

function endedInvite(id: string): Change {
  return { resourceType: "invite", resourceId: id, before: { pending: true }, after: { pending: false } };
}

function endedGrace({ api_key_id, hint }: Ended): Change {
  return { resourceType: "api_key", resourceId: api_key_id, before: { token: hint }, after: { token: null } };
}
