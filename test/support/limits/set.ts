import { sql } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

/** A rate limit as the database stores it. */
export interface StoredLimit {
  name?: string;
  limit: number;
  period_ms?: number;
  cost?: number;
}

// So long that nothing drains while a test runs.
const longMs = 31 * 24 * 3_600_000;

/** Sets the rate limits of a key or an account, as an operator does with psql. */
export async function setLimits(db: Db, id: string, ...limits: StoredLimit[]): Promise<void> {
  const stored = limits.map((one) => ({ name: "calls", period_ms: longMs, cost: 1, ...one }));
  const table = id.startsWith("acct_") ? "account" : "api_key";
  await sql`update ${sql.table(table)} set rate_limits = ${JSON.stringify(stored)}::jsonb where id = ${id}`.execute(
    db,
  );
}
