import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";
import { openListener } from "../../../src/db/listen.ts";

/** The change feed as an instance receives it. */
export interface Feed {
  /** Returns the tags that a change sends, sorted. The list is empty if the change sends none. */
  tagsOf(change: () => Promise<unknown>): Promise<string[]>;
  close(): void;
}

/** Listens to the change feed of a database. */
export async function openFeed(url: string, db: Db): Promise<Feed> {
  let received: string[] = [];
  let wake: (payload: string) => void = () => {};
  const listener = await openListener(url, ["latchkey"], {
    onMessage(payload) {
      received.push(payload);
      wake(payload);
    },
    onLost() {},
  });
  let count = 0;
  return {
    async tagsOf(change) {
      received = [];
      await change();
      count += 1;
      // This payload follows the change in the feed. No instance knows its kind.
      const end = `? ${count}`;
      const arrived = new Promise<void>((resolve) => {
        wake = (payload) => payload === end && resolve();
      });
      await sql`select pg_notify('latchkey', ${end})`.execute(db);
      await arrived;
      return (
        received
          .filter((payload) => payload.startsWith("i "))
          .flatMap((payload) => payload.slice(2).split(" "))
          // These items name the accounts of the tags.
          .filter((item) => !item.startsWith("@"))
          .sort()
      );
    },
    close: listener.close,
  };
}

/** Returns every column of a table that the views of verification read, directly or through other views. */
export async function columnsRead(db: Db): Promise<{ table: string; column: string }[]> {
  const { rows } = await sql<{ table: string; column: string }>`
    with recursive part (relation) as (
      select unnest(array['credential', 'bearer', 'bearer_access'])::regclass::oid
      union
      -- Postgres does not know what a function of these views reads.
      select r.oid from pg_proc p join pg_class r on p.prosrc ~ ('\\m' || r.relname || '\\M') and r.relkind = 'v'
      where p.proname like 'latchkey\\_%' and p.provolatile = 's'
      union
      select d.refobjid
      from part
      join pg_rewrite r on r.ev_class = part.relation
      join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid <> part.relation
    )
    select distinct c.relname as table, a.attname as column
    from part
    join pg_rewrite r on r.ev_class = part.relation
    join pg_depend d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid and d.refclassid = 'pg_class'::regclass
    join pg_class c on c.oid = d.refobjid and c.relkind = 'r'
    join pg_attribute a on a.attrelid = c.oid and a.attnum = d.refobjsubid and a.attnum > 0
    order by 1, 2`.execute(db);
  return rows;
}

/**
 * Returns the triggers of a table that always fire: the events that fire them, and their source. They fire once per
 * statement, or for an update of some named columns.
 */
export async function alwaysTriggers(db: Db, table: string) {
  const { rows } = await sql<{
    insert: boolean;
    update: boolean;
    delete: boolean;
    truncate: boolean;
    source: string;
    /** The columns whose update fires the trigger. Empty if every update does. */
    columns: string[];
  }>`
    select (tgtype & 4) > 0 as insert, (tgtype & 16) > 0 as update, (tgtype & 8) > 0 as delete,
      (tgtype & 32) > 0 as truncate, prosrc as source, array(
        select attname::text from pg_attribute where attrelid = tgrelid and attnum = any (tgattr)
      ) as columns
    from pg_trigger join pg_proc on pg_proc.oid = tgfoid
    where tgrelid = ${table}::regclass and not tgisinternal and tgenabled = 'A'
      and ((tgtype & 1) = 0 or cardinality(tgattr::int[]) > 0)`.execute(db);
  return rows;
}

/** Returns the tables that stable functions name themselves. Their columns are unknown, unlike those of a view. */
export async function tablesInFunctions(db: Db): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select p.proname || ' reads ' || r.relname as name
    from pg_proc p
    join pg_class r on r.relkind = 'r' and p.prosrc ~ ('\\m(from|join)\\s+"?' || r.relname || '\\M')
    where p.proname like 'latchkey\\_%' and p.provolatile = 's'`.execute(db);
  return rows.map(({ name }) => name);
}
