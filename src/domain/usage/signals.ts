import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { newId } from "../kernel/id.ts";
import type { TokenUse } from "../kernel/usage-batch.ts";

/** The methods of the audit events by which the server signals an unusual use of a key. */
export const signalMethods = {
  newNetwork: "key_used_from_new_network",
  pause: "key_used_after_pause",
} as const;

// A network is new again, and a pause is long, after so many days.
const quietDays = 30;
// A key that is used from so many networks gets no signals about networks.
const maxNetworks = 256;

interface Signal {
  accountId: string;
  keyId: string;
  signal: string;
  /** The facts that the audit event records. */
  after: Record<string, unknown>;
}

/**
 * Records an audit event for each key that is used from a new network, or for the first time in 30 days: at most one of each
 * kind per key and day. Runs before the uses are recorded.
 */
export async function recordSignals(tx: Tx, tokens: readonly TokenUse[]): Promise<void> {
  const found = [...(await pauses(tx, tokens)), ...(await newNetworks(tx, tokens))];
  if (found.length > 0) await recordEvents(tx, found);
}

/**
 * Returns uses as the JSON that statements read, because encoding it takes a fraction of the time of encoding arrays. The event loop
 * does this for every use.
 */
export function usesJson(tokens: readonly TokenUse[]): string {
  return JSON.stringify(
    tokens.map(({ keyId, tokenId, usedAt, clientAddress }) => ({
      key_id: keyId,
      id: tokenId,
      at: usedAt,
      address: clientAddress,
    })),
  );
}

// The last use of a key is that of any of its tokens, because a rotation is no pause. If the token itself was used within 30
// days, the others are not read.
async function pauses(tx: Tx, tokens: readonly TokenUse[]): Promise<Signal[]> {
  const { rows } = await sql<{ account_id: string; api_key_id: string; last: Date }>`
    select token.account_id, token.api_key_id, max(stored.last_used_at) as last
    from jsonb_to_recordset(${usesJson(tokens)}::jsonb) as used (key_id text, id bigint, at double precision)
    left join api_key_token_use own on own.token_id = used.id
      and own.last_used_at >= to_timestamp(used.at / 1000.0) - ${quietDays} * interval '1 day'
    join api_key_token token on token.api_key_id = used.key_id and own.token_id is null
    join api_key_token_use stored on stored.token_id = token.id
    group by token.account_id, token.api_key_id
    having max(stored.last_used_at)
      < to_timestamp(max(used.at) / 1000.0) - ${quietDays} * interval '1 day'`.execute(tx);
  return rows.map(({ account_id, api_key_id, last }) => ({
    accountId: account_id,
    keyId: api_key_id,
    signal: signalMethods.pause,
    after: { previous_use: last.toISOString() },
  }));
}

// The first networks of a key are no signal. A network that was seen today needs no row and no signal.
async function newNetworks(tx: Tx, tokens: readonly TokenUse[]): Promise<Signal[]> {
  const seen = tokens.flatMap(({ keyId, usedAt, networks }) =>
    networks.map((network) => ({ keyId, network, usedAt })),
  );
  if (seen.length === 0) return [];
  const { rows } = await sql<{ account_id: string; api_key_id: string; network: string }>`
    with seen as (
      select key.account_id, key.id as api_key_id, named.network,
        max((to_timestamp(named.at / 1000.0) at time zone 'utc')::date) as day
      from unnest(
        ${seen.map(({ keyId }) => keyId)}::text[],
        ${seen.map(({ network }) => network)}::text[],
        ${seen.map(({ usedAt }) => usedAt)}::double precision[]
      ) as named (key_id, network, at)
      join api_key key on key.id = named.key_id
      group by 1, 2, 3
    ), changed as materialized (
      select seen.*, stored.seen_on from seen
      left join key_network stored on stored.api_key_id = seen.api_key_id and stored.network = seen.network
      where stored.seen_on is null or stored.seen_on < seen.day
    ), known as (
      select stored.api_key_id, count(*) as total, max(stored.seen_on) as seen_on
      from key_network stored
      where stored.api_key_id in (select api_key_id from changed)
      group by 1
    ), written as (
      insert into key_network as stored (account_id, api_key_id, network, seen_on)
      select changed.account_id, changed.api_key_id, changed.network, changed.day
      from (
        select changed.*, row_number() over (
          partition by changed.api_key_id, changed.seen_on is null order by changed.network
        ) as position from changed
      ) changed
      left join known on known.api_key_id = changed.api_key_id
      where changed.seen_on is not null or coalesce(known.total, 0) + changed.position <= ${maxNetworks}
      order by changed.api_key_id, changed.network
      on conflict (api_key_id, network) do update set seen_on = greatest(stored.seen_on, excluded.seen_on)
    )
    select changed.account_id, changed.api_key_id, min(changed.network) as network
    from changed
    join known on known.api_key_id = changed.api_key_id
    where known.total < ${maxNetworks}
      and known.seen_on >= changed.day - ${quietDays}::integer
      and (changed.seen_on is null or changed.seen_on < changed.day - ${quietDays}::integer)
    group by 1, 2`.execute(tx);
  return rows.map(({ account_id, api_key_id, network }) => ({
    accountId: account_id,
    keyId: api_key_id,
    signal: signalMethods.newNetwork,
    after: { network },
  }));
}

// Events have the profile of the key. The row of the day makes sure that there is one event only.
async function recordEvents(tx: Tx, signals: readonly Signal[]): Promise<void> {
  const rows = signals.map((one) => ({
    id: newId("evt"),
    account_id: one.accountId,
    key_id: one.keyId,
    signal: one.signal,
    after: one.after,
  }));
  await sql`
    with named as (
      select * from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
        as named (id text, account_id text, key_id text, signal text, after jsonb)
    ), first as (
      insert into usage_signal (account_id, api_key_id, signal, day)
      select account_id, key_id, signal, (clock_timestamp() at time zone 'utc')::date from named
      order by key_id, signal
      on conflict do nothing
      returning api_key_id, signal
    )
    insert into audit_event
      (id, account_id, profile_id, key_id, method, outcome, resource_type, resource_id, after, request_id,
        client_address)
    select named.id, named.account_id, key.profile_id, key.id, named.signal, 'done', 'api_key', key.id, named.after,
      '', ''
    from named
    join first on first.api_key_id = named.key_id and first.signal = named.signal
    join api_key key on key.id = named.key_id`.execute(tx);
}
