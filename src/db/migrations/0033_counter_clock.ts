import { type Kysely, sql } from "kysely";

export const oldestServer = 12;

/**
 * A counter of a rate limit drains again from the first call after the clock of the database stepped back. That call writes the
 * new time, also if the limit refuses it. Before, the counter did not drain until the clock had reached its former time.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await sql`
    create or replace function latchkey_take_rate_limits(
      keys text[], limits double precision[], rates double precision[],
      calls integer[], slots integer[], amounts double precision[], needs double precision[],
      out levels double precision[], out allowed boolean[]
    )
    language plpgsql as $$
    declare
      locked integer;
      now_ms double precision;
      current double precision[];
      total integer := coalesce(array_length(calls, 1), 0);
      first integer := 1;
      next integer;
      fits boolean;
      changed boolean;
    begin
      loop
        insert into rate_limit_counter (key, level, per_ms, at)
        select k, 0, r, 0 from unnest(keys, rates) as n (k, r) order by k collate "C"
        on conflict do nothing;
        select count(*) into locked from (
          select from rate_limit_counter c where c.key = any (keys) order by c.key for update
        ) rows;
        -- The job that removes drained counters may have removed one between the two statements.
        exit when locked = coalesce(array_length(keys, 1), 0);
      end loop;
      now_ms := extract(epoch from clock_timestamp()) * 1000;
      select
        array_agg(greatest(0, least(n.lim, c.level) - greatest(0, now_ms - c.at) * n.rate) order by n.position),
        coalesce(bool_or(c.at > now_ms), false)
      into current, changed
      from unnest(keys, limits, rates) with ordinality as n (key, lim, rate, position)
      join rate_limit_counter c on c.key = n.key;
      levels := needs;
      allowed := array_fill(true, array[total]);
      while first <= total loop
        next := first;
        fits := true;
        while next <= total and calls[next] = calls[first] loop
          if needs[next] > 0 and current[slots[next]] + needs[next] > limits[slots[next]] + 1e-6 then
            fits := false;
          end if;
          next := next + 1;
        end loop;
        for item in first .. next - 1 loop
          if fits and amounts[item] <> 0 then
            current[slots[item]] := greatest(0, current[slots[item]] + amounts[item]);
            changed := true;
          end if;
          levels[item] := current[slots[item]];
          allowed[item] := fits;
        end loop;
        first := next;
      end loop;
      if changed then
        update rate_limit_counter c
        set level = n.level, per_ms = n.rate, at = now_ms
        from unnest(keys, current, rates) as n (key, level, rate)
        where c.key = n.key;
      end if;
    end $$`.execute(db);
}
