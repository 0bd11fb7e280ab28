import { type RawBuilder, sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";
import { tablesOf } from "../database/contents.ts";

/** A digest of the contents of each table. */
export type TableDigests = Map<string, string>;

// Background jobs write usage and counts of refusals.
const ignored = /_use$|usage|^key_network$|^long_lease$/;

/** Returns digests of every table, without data that background jobs write. Uses one statement. */
export async function tableDigests(db: Db): Promise<TableDigests> {
  const tables = (await tablesOf(db)).filter(({ name }) => !ignored.test(name));
  const selects = tables.map(
    ({ name }): RawBuilder<unknown> => sql`
      select ${sql.lit(name)} as name,
        count(*) || ' ' || coalesce(bit_xor(hashtextextended(t::text, 0)), 0) as digest
      from ${sql.table(name)} t
      where (${name === "audit_event" ? sql`t.outcome = 'done'` : sql`true`})`,
  );
  const { rows } = await sql<{
    name: string;
    digest: string;
  }>`${sql.join(selects, sql` union all `)}`.execute(db);
  return new Map(rows.map(({ name, digest }) => [name, digest]));
}

/** Returns the tables whose contents differ. */
export function changedTables(before: TableDigests, after: TableDigests): string[] {
  return [...before].filter(([name, digest]) => after.get(name) !== digest).map(([name]) => name);
}
