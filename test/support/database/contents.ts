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

/** Returns every row of every table. */
export async function rowsOf(db: Db): Promise<Row[]> {
  const all: Row[] = [];
  for (const { name } of await tablesOf(db)) {
    const { rows } = await sql<{ text: string }>`
      select to_jsonb(t)::text as text from ${sql.table(name)} t order by 1`.execute(db);
    all.push(...rows.map(({ text }) => ({ table: name, text })));
  }
  return all;
}

/** Returns the rows of all tables as one text, without usage and without refusals. */
export async function everythingIn(db: Db): Promise<string> {
  const isChange = ({ table, text }: Row) =>
    !/_use$|usage|^key_network$/.test(table) && JSON.parse(text).outcome !== "refused";
  return (await rowsOf(db))
    .filter(isChange)
    .map(({ table, text }) => `${table} ${text}`)
    .join("\n");
}
