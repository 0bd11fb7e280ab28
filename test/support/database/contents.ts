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

/** Returns every row of every table. This is one statement, because each one on `app.db` waits for all instances. */
export async function rowsOf(db: Db, isWanted: (table: string) => boolean = () => true): Promise<Row[]> {
  const tables = (await tablesOf(db)).filter(({ name }) => isWanted(name));
  const selects = tables.map(
    ({ name }) =>
      sql`select ${sql.lit(name)} as "table", to_jsonb(t)::text as text from ${sql.table(name)} t`,
  );
  const { rows } = await sql<Row>`${sql.join(selects, sql` union all `)} order by 1, 2`.execute(db);
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
