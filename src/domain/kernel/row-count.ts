import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";

/** Counts the roles, teams or service accounts of an account. */
export async function countRows(
  tx: Tx,
  table: "role" | "team" | "service_account",
  accountId: string,
): Promise<number> {
  const { rows } = await sql<{ total: number }>`
    select count(*)::int as total from ${sql.table(table)} where account_id = ${accountId}`.execute(tx);
  return rows[0]?.total ?? 0;
}
