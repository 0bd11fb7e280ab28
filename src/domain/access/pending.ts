import { type RawBuilder, sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { type Actor, type Change, insertEvents } from "../kernel/audit-event.ts";
import { together } from "../kernel/together.ts";
import { type Ended, endedGrace, endUnheld, loadGraces } from "./grace-period.ts";
import { digestOf, loadMakers, type Maker, makerKey } from "./maker.ts";
import type { Call } from "./principal.ts";
import { endGracesInTenants } from "./tenant-grace-period.ts";

// Pending records take effect, or stay valid, after the call that made them ended. They are invites, grace periods of
// superseded tokens and mailed proofs.

/**
 * Ends pending records whose maker no longer holds what it gave. Looks only at `found`, the result of `recordAndFindPending`.
 * This is the last step of a change.
 * - A grace period ends if the key that gave it has ended, if the person has left, or if either reaches less than the
 *   rotated key.
 * - An invite ends if the key that made it was revoked or disabled. The server compares the reach of the maker when the
 *   invite is accepted.
 *
 * The server compares only the records whose maker now reaches something else than at the time. So this costs nothing
 * if no record is pending, and a few statements if no maker changed. Bounds limit how many records may be pending.
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
  const inTenants = found.filter(({ accountId }) => !actors.has(accountId));
  return [...ended, ...(await endGracesInTenants(tx, actors, inTenants))];
}

/** Ends what some revoked sessions made, in every account, because an attacker may have held these sessions. */
export async function endPendingOfSessions(
  tx: Tx,
  sessions: RawBuilder<unknown>,
): Promise<(Change & Actor)[]> {
  const [, { rows: invites }, { rows: graces }] = await together([
    sql`delete from otp where made_by_session in (${sessions}) and used_at is null`.execute(tx),
    sql<{ id: string; account_id: string; created_by: string }>`
      update invite set revoked_at = clock_timestamp()
      where made_by_session in (${sessions}) and accepted_at is null and revoked_at is null
      returning id, account_id, created_by`.execute(tx),
    sql<Ended & { account_id: string; made_by: string }>`
      update api_key_token t set ends_at = clock_timestamp()
      from grace_period g
      where g.made_by_session in (${sessions}) and t.id = g.token_id and t.ends_at > clock_timestamp()
      returning g.account_id, g.made_by, g.api_key_id, t.hint`.execute(tx),
  ]);
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

/** A group of grace periods with the same maker and digest, or an invite whose maker has ended. */
export interface Found extends Maker {
  accountId: string;
  madeWith: string;
  inviteId: string | null;
}

/**
 * Records some events, and finds the pending records that they may end, in one statement. Runs after the writes of those
 * events. Finds nothing if they invalidated nothing.
 */
export async function recordAndFindPending(
  tx: Tx,
  call: Call,
  events: readonly (Actor & Change)[],
): Promise<Found[]> {
  const accountIds = [...new Set(events.map((event) => event.accountId))];
  if (accountIds.length === 0) return [];
  const { rows } = await sql<Found>`
    with recorded as (${insertEvents(call, events)})
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
      and (k.revoked_at is not null or k.disabled_at is not null)
    union all
    select distinct g.account_id, g.made_by, g.made_by_key, null, null, g.made_with, null
    from account a
    join api_key k on k.account_id = a.id
    join grace_period g on g.made_by_key = k.id and g.account_id <> a.id
    where current_setting('latchkey.invalidated', true) = 'yes'
      and a.id = any (${accountIds}) and a.platform and g.ends_at > clock_timestamp()`.execute(tx);
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
  const graces = (await loadGraces(tx, sql`g.account_id = ${accountId}`)).filter((grace) =>
    suspects.has(makerKey(grace)),
  );
  const over = await endUnheld(tx, graces, now, accountId);
  return over.map(endedGrace);
}

function endedInvite(id: string): Change {
  return { resourceType: "invite", resourceId: id, before: { pending: true }, after: { pending: false } };
}
