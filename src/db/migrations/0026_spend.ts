import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * The function that takes credits. `granted` is the number of credits that were set and added since. A refusal names it if
 * there is no refill.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`alter table credit add column granted bigint not null default 0 check (granted >= 0)`.execute(db);
  await sql`update credit set granted = remaining`.execute(db);
  // What is left at a time. A refill raises it to its amount, and never lowers it. Periods begin in UTC.
  await sql`
    create function latchkey_credit_at(c credit, moment timestamptz)
    returns table (remaining bigint, "limit" bigint, refilled_at timestamptz, refill_at timestamptz)
    language sql stable as $$
      select
        case when period.began > c.refilled_at then greatest(c.remaining, c.refill_amount) else c.remaining end,
        coalesce(c.refill_amount, c.granted),
        greatest(c.refilled_at, period.began),
        (period.began at time zone 'UTC' + ('1 ' || period.unit)::interval) at time zone 'UTC'
      from (
        select unit, date_trunc(unit, moment, 'UTC') as began
        from (select case c.refill_interval when 'daily' then 'day' when 'monthly' then 'month' end as unit) as known
      ) as period
    $$`.execute(db);
  await sql`
    create function latchkey_spend(
      ids text[], positions integer[], firsts integer[], needs bigint[], takes bigint[], counts integer[], waits boolean
    )
    returns table (granted integer, remaining bigint, "limit" bigint, refill_at timestamptz)
    language plpgsql as ${sql.lit(body)}`.execute(db);
}

// A draw takes from each of its records, or from none. `positions` lists the records of all draws by their places in
// `ids`, and `firsts` has the place in it at which each draw begins. `counts` says how often a draw is repeated.
const body = `
  declare
    held text[];
    moment timestamptz;
    lefts bigint[];
    limits bigint[];
    periods timestamptz[];
    refills timestamptz[];
    exist boolean[];
    busy boolean[];
    lowest integer;
    is_busy boolean;
    place integer;
  begin
    -- A credit that was taken must survive a crash.
    if current_setting('synchronous_commit') in ('off', 'local') then
      perform set_config('synchronous_commit', 'on', true);
    end if;
    -- All callers lock in the same order, so that they cannot deadlock.
    if waits then
      held := array(select c.id from credit c where c.id = any (ids) order by c.id for no key update);
    else
      held := array(select c.id from credit c where c.id = any (ids) order by c.id for no key update skip locked);
    end if;
    moment := clock_timestamp();
    select array_agg(n.remaining order by i.position), array_agg(n."limit" order by i.position),
      array_agg(n.refilled_at order by i.position), array_agg(n.refill_at order by i.position),
      array_agg(c.id is not null order by i.position),
      array_agg(c.id is not null and not c.id = any (held) order by i.position)
    into lefts, limits, periods, refills, exist, busy
    from unnest(ids) with ordinality as i (id, position)
    left join credit c on c.id = i.id
    left join lateral latchkey_credit_at(c, moment) n on c.id is not null;
    -- A missing record limits nothing. On a server that may no longer be the primary, that needs a confirmed commit.
    if false = any (exist) then perform pg_logical_emit_message(true, 'latchkey', ''); end if;
    for draw in 1 .. cardinality(counts) loop
      lowest := null;
      is_busy := false;
      for entry in firsts[draw] .. coalesce(firsts[draw + 1] - 1, cardinality(positions)) loop
        place := positions[entry];
        is_busy := is_busy or busy[place];
        if exist[place] and (lowest is null or lefts[place] < lefts[lowest]) then lowest := place; end if;
      end loop;
      if is_busy then
        granted := null; remaining := null; "limit" := null; refill_at := null;
      elsif lowest is null then
        granted := counts[draw]; remaining := null; "limit" := null; refill_at := null;
      else
        granted := case
          when lefts[lowest] < needs[draw] then 0
          when takes[draw] = 0 then counts[draw]
          else least(counts[draw], (lefts[lowest] - needs[draw]) / takes[draw] + 1)
        end;
        if granted * takes[draw] > 0 then
          for entry in firsts[draw] .. coalesce(firsts[draw + 1] - 1, cardinality(positions)) loop
            place := positions[entry];
            lefts[place] := lefts[place] - granted * takes[draw];
          end loop;
        end if;
        remaining := lefts[lowest]; "limit" := limits[lowest]; refill_at := refills[lowest];
      end if;
      return next;
    end loop;
    update credit c set remaining = n.remaining, refilled_at = n.refilled_at
    from unnest(ids, lefts, periods) as n (id, remaining, refilled_at)
    where c.id = n.id and c.id = any (held)
      and (c.remaining, c.refilled_at) is distinct from (n.remaining, n.refilled_at);
  end`;
