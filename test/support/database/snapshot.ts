import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

/** Every row of every table, without when things were last used and what was refused. */
export async function everythingIn(db: Db): Promise<string> {
  const tables = await sql<{ name: string }>`
    select table_name as name from information_schema.tables
    where table_schema = 'public' and table_type = 'BASE TABLE' and table_name not like '%\\_use'
    order by 1`.execute(db);
  const contents = await Promise.all(
    tables.rows.map(async ({ name }) => {
      const rows = await sql<{ row: string }>`
        select t::text as row from ${sql.table(name)} t
        where (to_jsonb(t) ->> 'outcome') is distinct from 'refused' order by 1`.execute(db);
      return [name, ...rows.rows.map(({ row }) => row)];
    }),
  );
  return contents.flat().join("\n");
}
