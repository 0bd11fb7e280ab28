import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

/** A row of any table, as JSON text. */
export interface Row {
  table: string;
  text: string;
}

/** Returns the tables of the schema, and whether their rows name an account. */
export async function tablesOf(db: Db): Promise<{ name: string; ofAccounts: boolean }[]> {
  const { rows } = await sql<{ name: string; ofAccounts: boolean }>`
    select c.relname as name, exists (
      select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id'
    ) as "ofAccounts"
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
    order by 1`.execute(db);
  return rows;
}

// More rows than any test has.
const mostRows = 1_000_000;

/**
 * Returns every row of every table. This is one statement, because each one on `app.db` waits for all instances. It has a
 * parameter, so a connection plans it once: the plan of so many tables takes longer than the rest.
 */
export async function rowsOf(db: Db, isWanted: (table: string) => boolean = () => true): Promise<Row[]> {
  const tables = (await tablesOf(db)).filter(({ name }) => isWanted(name));
  const selects = tables.map(
    ({ name }) => `select '${name}' as "table", to_jsonb(t)::text as text from "${name}" t`,
  );
  const text = sql.raw(selects.join(" union all "));
  const { rows } = await sql<Row>`${text} order by 1, 2 limit ${mostRows}`.execute(db);
  return rows;
}

/** Returns the rows of all tables as one text, without usage and without refusals. */
export async function everythingIn(db: Db): Promise<string> {
  const isRefusal = ({ text }: Row) => text.includes('"refused"') && JSON.parse(text).outcome === "refused";
  return (await rowsOf(db, (table) => !/_use$|usage|^key_network$/.test(table)))
    .filter((row) => !isRefusal(row))
    .map(({ table, text }) => `${table} ${text}`)
    .join("\n");
}
