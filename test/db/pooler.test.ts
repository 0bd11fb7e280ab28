import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openDatabase } from "../../src/cli/open-database.ts";
import { readConfig } from "../../src/config/config.ts";
import { createLog } from "../../src/infra/log.ts";
import { createTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { type Pooler, startPooler } from "../support/database/pooler.ts";

let database: TestDatabase;
beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.drop());

/** Uses both pools of a process through a pooler, and returns the errors. */
async function errorsThrough(pooler: Pooler, names: "on" | "off"): Promise<string[]> {
  const config = readConfig({ LATCHKEY_DATABASE_URL: pooler.url, LATCHKEY_STATEMENT_NAMES: names });
  const { db, lookups, close } = await openDatabase(config, createLog("silent", process.stderr));
  const outcomes = await Promise.allSettled(
    [db, lookups, db, lookups, db].map((one) => sql`select ${7}::integer`.execute(one)),
  );
  await close();
  return outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [String(outcome.reason)] : []));
}

test("without statement names, every statement works behind a pooler in transaction mode", async () => {
  const pooler = await startPooler(database.url);
  try {
    expect(await errorsThrough(pooler, "off")).toEqual([]);
    // With statement names, two connections that share a session collide.
    expect(await errorsThrough(pooler, "on")).toContainEqual(expect.stringContaining("already exists"));
  } finally {
    await pooler.close();
  }
});
