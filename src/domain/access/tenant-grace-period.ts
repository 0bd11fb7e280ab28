import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { endedGrace, endUnheld, loadGraces } from "./grace-period.ts";
import { digestOf, keyMaker, loadKeys, type Maker, type MakerNow } from "./maker.ts";

// Grace periods that platform keys gave while they acted for tenants. A key may have given them in many accounts.

/** The most grace periods that get an event each if they end because a platform key can no longer act. */
export const mostTenantEvents = 1_000;

/** Grace periods with the same maker and digest. */
interface Group extends Maker {
  madeWith: string;
}

// A platform key reaches the same in every tenant, so the account has no id here.
const anyTenant = "";

/**
 * Ends grace periods in tenants whose maker no longer holds what it gave, and returns the events. `actors` has the actor of
 * the change in each account that it changed.
 *
 * If a maker can no longer act, one statement ends all of its grace periods and compares nothing. `mostTenantEvents` of them
 * have an event each. If there are more, the platform key has an event with the number of the others.
 */
export async function endGracesInTenants(
  tx: Tx,
  actors: ReadonlyMap<string, Actor>,
  found: readonly Group[],
): Promise<(Change & Actor)[]> {
  const keyIds = [...new Set(found.flatMap(({ made_by_key }) => made_by_key ?? []))];
  if (keyIds.length === 0) return [];
  const keys = await loadKeys(tx, keyIds);
  const now = new Map<string, MakerNow>();
  for (const [id, key] of keys) {
    const maker = keyMaker(key, anyTenant);
    if (maker) now.set(id, maker);
  }
  const over = keyIds.filter((id) => !now.has(id));
  const homes = [...keys.values()].map((key) => key.accountId);
  const { named, totals } = await endAllOf(tx, over, homes);
  const summaries = totals.flatMap(({ made_by_key, total }): (Change & Actor)[] => {
    const actor = actors.get(keys.get(made_by_key)?.accountId ?? "");
    const unnamed = total - named.filter((one) => one.made_by_key === made_by_key).length;
    return actor && unnamed > 0 ? [{ ...actor, ...summaryOf(made_by_key, unnamed) }] : [];
  });
  return [...named.map(eventOf), ...summaries, ...(await endChanged(tx, found, now))];
}

// Bounds limit how many grace periods a platform key gives, so the comparison of those of a maker that still acts is short.
async function endChanged(
  tx: Tx,
  found: readonly Group[],
  now: ReadonlyMap<string, MakerNow>,
): Promise<(Change & Actor)[]> {
  const changed = found.flatMap(({ made_by_key: id, madeWith }) => {
    const maker = now.get(id ?? "");
    return id !== null && maker && digestOf(maker) !== madeWith ? [id] : [];
  });
  if (changed.length === 0) return [];
  const graces = await loadGraces(
    tx,
    sql`g.made_by_key = any (${[...new Set(changed)]})
      and g.account_id <> (select k.account_id from api_key k where k.id = g.made_by_key)`,
  );
  return (await endUnheld(tx, graces, now)).map(eventOf);
}

interface EndedInTenant {
  accountId: string;
  profileId: string;
  made_by_key: string | null;
  api_key_id: string;
  hint: string;
}

/** The grace periods that ended with their makers. */
interface EndedWithMakers {
  /** Those that have an event each. */
  named: EndedInTenant[];
  /** The number of all that ended, by maker. */
  totals: { made_by_key: string; total: number }[];
}

// The tokens are written before the grace periods are deleted, in the order of a rotation. `homes` has the accounts of the keys.
async function endAllOf(
  tx: Tx,
  keyIds: readonly string[],
  homes: readonly string[],
): Promise<EndedWithMakers> {
  if (keyIds.length === 0) return { named: [], totals: [] };
  const given = sql`g.made_by_key = any (${keyIds}) and g.account_id <> all (${homes})`;
  const { rows } = await sql<EndedWithMakers>`
    with ended as (
      update api_key_token t set ends_at = clock_timestamp()
      from grace_period g
      where ${given} and t.id = g.token_id and t.ends_at > clock_timestamp()
      returning g.account_id as "accountId", g.made_by as "profileId", g.made_by_key, g.api_key_id, t.hint
    ), over as (
      delete from grace_period g where ${given}
    ), named as (
      select * from ended limit ${mostTenantEvents}
    ), counted as (
      select made_by_key, count(*)::int as total from ended group by made_by_key
    )
    select
      (select coalesce(json_agg(named), '[]') from named) as named,
      (select coalesce(json_agg(counted), '[]') from counted) as totals`.execute(tx);
  return rows[0] ?? { named: [], totals: [] };
}

function eventOf({ accountId, profileId, made_by_key, ...grace }: EndedInTenant): Change & Actor {
  return { ...endedGrace(grace), accountId, profileId, keyId: made_by_key ?? "", via: "platform" };
}

function summaryOf(keyId: string, unnamed: number): Change {
  return {
    resourceType: "api_key",
    resourceId: keyId,
    before: { unnamed_grace_periods: unnamed },
    after: { unnamed_grace_periods: 0 },
  };
}
