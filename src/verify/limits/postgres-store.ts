import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import { withStatements } from "../../db/statement-scope.ts";
import { decodeAnswers, encodeCalls } from "./encode.ts";
import type { SavedCounter, SharedStore } from "./store.ts";

/** Counters in Postgres. They also keep what an instance had in memory when it stopped. */
export interface PostgresStore extends SharedStore {
  /** Returns at most `max` counters that have not drained. */
  load(max: number): Promise<SavedCounter[]>;
  /** Removes at most `max` counters that have drained. Returns how many it removed. */
  removeDrained(max: number): Promise<number>;
}

interface Answers {
  levels: number[] | null;
  allowed: boolean[] | null;
}

const rowsPerPage = 1_000;

/** Creates the store in a database. One function call runs a batch, so a batch takes one round trip and one short transaction. */
export function createPostgresStore(db: Db): PostgresStore {
  // Several calls share a statement, so it must not have the deadline or the turn of one of them.
  const alone = <T>(statement: RawBuilder<T>) => withStatements({}, () => statement.execute(db));
  return {
    name: "postgres",
    async run(calls) {
      const { keys, limits, rates, calls: numbers, slots, amounts, needs } = encodeCalls(calls);
      const { rows } = await alone(sql<Answers>`
        select levels, allowed from latchkey_take_rate_limits(
          ${keys}::text[], ${limits}::float8[], ${rates}::float8[],
          ${numbers}::integer[], ${slots}::integer[], ${amounts}::float8[], ${needs}::float8[]
        )`);
      const [answers] = rows;
      return decodeAnswers(calls, answers?.levels ?? [], answers?.allowed ?? []);
    },
    async merge(counters) {
      await alone(sql`
        insert into rate_limit_counter as stored (key, level, per_ms, at)
        select saved.key, saved.level, saved.per_ms, extract(epoch from clock_timestamp()) * 1000
        from unnest(
          ${counters.map(({ key }) => key)}::text[],
          ${counters.map(({ level }) => level)}::float8[],
          ${counters.map(({ perMs }) => perMs)}::float8[]
        ) as saved (key, level, per_ms)
        order by saved.key collate "C"
        on conflict (key) do update set
          level = greatest(excluded.level, stored.level - greatest(0, excluded.at - stored.at) * excluded.per_ms),
          per_ms = excluded.per_ms,
          at = excluded.at`);
    },
    async load(max) {
      const loaded: SavedCounter[] = [];
      // Pages, because reading many rows at once would block the event loop.
      for (let after: string | undefined = ""; after !== undefined && loaded.length < max; ) {
        const rows = await loadPage(db, after);
        for (const { key, level, per_ms } of rows) loaded.push({ key, level, perMs: per_ms });
        after = rows.length < rowsPerPage ? undefined : rows.at(-1)?.key;
      }
      return loaded;
    },
    async removeDrained(max) {
      const { numAffectedRows } = await alone(sql`
        delete from rate_limit_counter where key in (
          select key from rate_limit_counter
          where at + level / per_ms < extract(epoch from clock_timestamp()) * 1000
          limit ${max} for update skip locked
        )`);
      return Number(numAffectedRows ?? 0n);
    },
    async ping() {
      await alone(sql`select`);
    },
    close() {},
  };
}

async function loadPage(db: Db, after: string): Promise<{ key: string; level: number; per_ms: number }[]> {
  const page = sql<{ key: string; level: number; per_ms: number }>`
    select key, level - drained as level, per_ms
    from rate_limit_counter,
      lateral (select greatest(0, extract(epoch from clock_timestamp()) * 1000 - at) * per_ms as drained) now
    where level > drained and key > ${after}
    order by key
    limit ${rowsPerPage}`;
  const { rows } = await withStatements({}, () => page.execute(db));
  return rows;
}
