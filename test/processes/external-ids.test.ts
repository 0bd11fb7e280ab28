import { sql } from "kysely";
import { expect } from "vitest";
import type { Db } from "../../src/db/connect.ts";
import { migrate } from "../../src/db/migrate.ts";
import { beforeUniqueExternalIds } from "../../src/db/migrations/index.ts";
import { test } from "../support/server/site-test.ts";

const ids = (kind: string, count: number) =>
  Array.from({ length: count }, (_, n) => `${kind}_${String(n).padStart(2, "0")}`);
const [accounts, workspaces] = [ids("acct", 2), ids("ws", 23)];
const [first, second, third] = workspaces;

/** Creates two accounts with one external id, and in the first one many workspaces with one, of which one is archived. */
async function makeDuplicates(db: Db): Promise<void> {
  await db.transaction().execute(async (tx) => {
    for (const id of accounts) {
      await sql`insert into account (id, name, external_id, created_by) values (${id}, 'a', 'crm', ${`prof_${id}`})`.execute(
        tx,
      );
      await sql`
        insert into profile (id, account_id, type, name) values (${`prof_${id}`}, ${id}, 'system', 'system')`.execute(
        tx,
      );
    }
    await sql`
      insert into workspace (id, account_id, name, external_id, created_by, archived_at)
      select id, ${accounts[0]}, 'w', 'same', ${`prof_${accounts[0]}`}, case when id = ${first} then now() end
      from unnest(${workspaces}::text[]) as id`.execute(tx);
    await sql`
      insert into workspace (id, account_id, name, external_id, created_by)
      values ('ws_other', ${accounts[1]}, 'w', 'same', ${`prof_${accounts[1]}`})`.execute(tx);
  });
}

test("external ids that are not unique stop the migration, and one command lists and clears them", async ({
  external,
}) => {
  const { site, db } = external;
  await migrate(db, beforeUniqueExternalIds);
  await makeDuplicates(db);
  const held = () =>
    sql<{ id: string }>`
    select id from account where external_id <> '' union all select id from workspace where external_id <> ''
    order by id`.execute(db);
  const before = await held();

  const stopped = await site.run(["migrate"]);
  expect(stopped).toMatchObject({ code: 1, stdout: "" });
  expect(stopped.stderr.trim().split("\n")).toHaveLength(1);
  expect(stopped.stderr).toMatch(/latchkey external-ids/);
  const named = stopped.stderr.match(/(account|workspace) acct_\w+ \w+/g);
  expect(named).toHaveLength(20);
  expect(named).toContain(`workspace ${accounts[0]} ${second}`);
  expect(stopped.stderr).not.toContain(first);
  expect(stopped.stderr).not.toContain("ws_other");
  expect((await held()).rows).toEqual(before.rows);

  const { stdout } = await site.run(["external-ids"]);
  const lines = stdout.trim().split("\n");
  expect(lines).toHaveLength(24);
  expect(lines[0]).toBe(["account", accounts[0], accounts[0], "crm", "oldest"].join("\t"));
  expect(lines[2]).toBe(["workspace", accounts[0], second, "same", "oldest"].join("\t"));

  const [oldest = "", unknown = "ws_unknown"] = [second];
  expect(await site.run(["external-ids", "--clear", oldest, unknown])).toMatchObject({ code: 1, stdout: "" });
  expect((await held()).rows).toEqual(before.rows);
  expect(await site.run(["external-ids", "--clear", oldest])).toMatchObject({ stdout: "cleared 1\n" });
  expect(await site.run(["external-ids", "--clear"])).toMatchObject({ stdout: "cleared 21\n", stderr: "" });
  const kept = [accounts[0], first, third, "ws_other"].map((id) => ({ id }));
  expect((await held()).rows).toEqual(kept.sort((a, b) => ((a.id ?? "") < (b.id ?? "") ? -1 : 1)));
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from audit_event where before ? 'external_id'`.execute(db);
  expect(rows).toEqual([{ count: 22 }]);
  expect(await site.run(["migrate"])).toMatchObject({ code: 0 });
  expect(await site.run(["external-ids"])).toMatchObject({ stdout: "every external_id is unique\n" });
});
