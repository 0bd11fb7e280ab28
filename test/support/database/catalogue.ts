import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

/** A row of any table, as JSON text. */
export interface Row {
  table: string;
  text: string;
}

/** The tables of the schema, as the catalogue has them, and whether their rows name an account. */
export async function tablesOf(db: Db): Promise<{ name: string; ofAccounts: boolean }[]> {
  const { rows } = await sql<{ name: string; ofAccounts: boolean }>`
    select c.relname as name, exists (
      select from pg_attribute a where a.attrelid = c.oid and a.attname = 'account_id'
    ) as "ofAccounts"
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    order by 1`.execute(db);
  return rows;
}

/** Every row of every table. */
export async function rowsOf(db: Db): Promise<Row[]> {
  const all: Row[] = [];
  for (const { name } of await tablesOf(db)) {
    const { rows } = await sql<{ text: string }>`
      select to_jsonb(t)::text as text from ${sql.table(name)} t order by 1`.execute(db);
    all.push(...rows.map(({ text }) => ({ table: name, text })));
  }
  return all;
}
