import { sql } from "kysely";
import { expect, test } from "vitest";
import { issueKey, useApp } from "../support/app.ts";
import { withServer } from "../support/server/server.ts";

const app = useApp();

/** Returns how Postgres runs a statement with three or four parameters, for any values. */
function planOf(statement: string): Promise<string> {
  return withServer(app.databaseUrl, async (client) => {
    const count = new Set(statement.match(/\$\d+/g)).size;
    await client.query("set plan_cache_mode = force_generic_plan");
    await client.query(`prepare listed as ${statement}`);
    const { rows } = await client.query(`explain execute listed (${Array(count).fill("'1'").join(", ")})`);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  });
}

test("events of a key, of a resource type, of a profile and of a method are found and paged by an index, for any number of events", async () => {
  const owner = await app.newAccount();
  const { id: keyId } = await issueKey(owner);
  const [resourceType, profileId, method] = ["rare", "prof_rare", "rare_method"];
  await sql`
    insert into audit_event
      (id, account_id, profile_id, key_id, resource_type, method, outcome, request_id, client_address)
    select 'evt_' || lpad(n::text, 26, '0'), ${owner.account.metadata?.id},
      case when n % 1000 = 0 then ${profileId} else 'prof_' || n % 1000 end,
      case when n % 1000 = 0 then ${keyId} else 'key_' || n % 1000 end,
      case when n % 1000 = 0 then ${resourceType} else 'type_' || n % 1000 end,
      case when n % 1000 = 0 then ${method} else 'method_' || n % 1000 end, 'done', '', ''
    from generate_series(1, 20000) n`.execute(app.db);
  await sql`analyze audit_event`.execute(app.db);
  const filters = [
    { index: "audit_event_key", filter: { keyId } },
    { index: "audit_event_resource_type", filter: { resourceType } },
    { index: "audit_event_profile", filter: { profileId } },
    { index: "audit_event_method", filter: { method } },
  ];
  for (const { index, filter } of filters) {
    for (const sortOrder of ["desc", "asc"]) {
      let cursor = "";
      const seen: string[] = [];
      do {
        const request = { ...filter, limit: 8, cursor, sortOrder };
        const page = await owner.audit.listAuditEvents(request);
        seen.push(...page.items.map(({ id }) => id));
        const statements = await app.statementsOf(() => owner.audit.listAuditEvents(request));
        const statement = statements.find((one) => /from "audit_event"/.test(one)) ?? "";
        expect(statement).toMatch(cursor === "" ? /order by/ : /[<>] \$\d+ order by/);
        const plan = await planOf(statement);
        expect(plan).toMatch(new RegExp(`Index Scan (Backward )?using ${index} `));
        expect(plan).not.toMatch(/Sort|Filter|Seq Scan/);
        cursor = page.pagination?.nextCursor ?? "";
      } while (cursor !== "");
      expect(seen).toHaveLength(20);
    }
  }
});
