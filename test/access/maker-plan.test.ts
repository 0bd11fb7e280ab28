import { sql } from "kysely";
import { expect, test } from "vitest";
import { loadKeys } from "../../src/domain/access/maker.ts";
import { issueKey, useApp } from "../support/app.ts";

const app = useApp();

// Postgres plans a statement anew in its first five executions, and then compares the costs.
const executions = 12;

test("the look-up of the keys that made pending records keeps its plan", async () => {
  const owner = await app.newAccount();
  const key = await issueKey(owner);
  const ids = [key.metadata?.id ?? ""];
  await app.pool.connection().execute(async (one) => {
    // The Postgres of the tests plans once. Here it chooses as in production.
    await sql`set plan_cache_mode = auto`.execute(one);
    for (let time = 0; time < executions; time++) expect((await loadKeys(one, ids)).size).toBe(1);
    const { rows } = await sql<{ custom: number }>`
      select custom_plans::int as custom from pg_prepared_statements where statement like '%as ended%'`.execute(
      one,
    );
    expect(rows).toEqual([{ custom: 5 }]);
  });
});
