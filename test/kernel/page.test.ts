import fc from "fast-check";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type ListInput, listFilter, page } from "../../src/domain/kernel/list.ts";
import { issueKey, newWorkspace, useApp } from "../support/app.ts";
import { watchTrips } from "../support/database/trips.ts";

const app = useApp();

/** A row of a list. */
interface Row {
  id: string;
  name: string;
  labels: Record<string, string>;
  external_id: string;
}

/** A separate table that the lists of this file read. */
type Listed = { listed: Row };
let db: Kysely<Listed>;
beforeAll(async () => {
  await sql`
    create table listed (id text collate "C" primary key, name text not null, labels jsonb not null,
      external_id text not null)`.execute(app.db);
  db = app.pool as unknown as Kysely<Listed>;
});
afterAll(() => sql`drop table listed`.execute(app.db));

const idOf = (n: number) => `ws_${String(n).padStart(26, "0")}`;
const rows = fc.uniqueArray(
  fc.record({
    n: fc.nat(150),
    name: fc.constantFrom("alpha", "Beta", "gamma"),
    env: fc.constantFrom("prod", "test"),
    external: fc.constantFrom("", "ext-1"),
  }),
  { selector: ({ n }) => n, maxLength: 60 },
);
const requests = fc.record({
  limit: fc.integer({ min: 1, max: 10 }),
  sortOrder: fc.constantFrom("asc", "desc"),
  query: fc.constantFrom("", "alpha", "BET", "nothing"),
  labels: fc.constantFrom("", "env=prod", "env=nowhere"),
  prefix: fc.constantFrom("", "ws_", idOf(100).slice(0, -2), "zz", "ws_é"),
  externalId: fc.constantFrom("", "ext-1", "ext-2"),
});

test("the pages of a list together have exactly the matching rows, each once and in order", async () => {
  await fc.assert(
    fc.asyncProperty(rows, requests, fc.integer({ min: 1, max: 20 }), async (all, request, maxExamined) => {
      const stored = all.map(({ n, name, env, external }) => ({
        id: idOf(n),
        name,
        labels: { env },
        external_id: external,
      }));
      await sql`delete from listed`.execute(db);
      await sql`insert into listed select * from jsonb_populate_recordset(null::listed, ${JSON.stringify(stored)}::jsonb)`.execute(
        db,
      );
      const { seen, pages } = await allPages(request, maxExamined);
      const fitting = stored.filter(
        ({ id, name, labels, external_id }) =>
          name.toLowerCase().includes(request.query.toLowerCase()) &&
          (request.labels === "" || request.labels === `env=${labels.env}`) &&
          id.startsWith(request.prefix) &&
          (request.externalId === "" || request.externalId === external_id),
      );
      const expected = fitting.map(({ id }) => id).sort();
      expect(seen).toEqual(request.sortOrder === "asc" ? expected : expected.reverse());
      // Each page except the last is full, or has examined the maximum number of rows.
      expect(pages).toBeLessThanOrEqual(expected.length / request.limit + stored.length / maxExamined + 1);
    }),
    { numRuns: 150 },
  );
});

async function allPages(request: Omit<ListInput, "cursor">, maxExamined: number) {
  const seen: string[] = [];
  let pages = 0;
  for (let cursor = ""; pages === 0 || cursor !== ""; pages++) {
    const listed = db.selectFrom("listed").selectAll();
    const { fits } = listFilter("listed", request);
    const input = { ...request, cursor };
    const found = await page(app.pool, listed, "listed.id", input, { fits, maxExamined });
    expect(found.items.length).toBeLessThanOrEqual(request.limit);
    seen.push(...found.items.map(({ id }) => id));
    cursor = found.nextCursor;
  }
  return { seen, pages };
}

test("a page with few matches among many rows ends early, and later pages have the rest", async () => {
  const owner = await app.newAccount();
  const accountId = owner.account.metadata?.id ?? "";
  const { id: profileId } = await app.db
    .selectFrom("profile")
    .select("id")
    .where("account_id", "=", accountId)
    .executeTakeFirstOrThrow();
  await sql`
    insert into workspace (id, account_id, name, created_by)
    select 'ws_' || lpad(n::text, 26, '0'), ${accountId}, case when n = 1 then 'the needle' else 'hay' end, ${profileId}
    from generate_series(1, 25000) n`.execute(app.db);
  await newWorkspace(owner, "another needle");
  const seen: string[][] = [];
  let cursor = "";
  do {
    const { items, pagination } = await owner.workspaceAdmin.listAccountWorkspaces({
      query: "needle",
      cursor,
    });
    seen.push(items.map(({ metadata }) => metadata?.name ?? ""));
    cursor = pagination?.nextCursor ?? "";
  } while (cursor !== "");
  expect(seen).toEqual([["another needle"], [], ["the needle"]]);
});

test("a list needs one statement, with and without a filter", async () => {
  const owner = await app.newAccount();
  await issueKey(owner);
  const { tripsOf, restore } = watchTrips();
  for (const query of ["", "key"]) {
    const trips = await tripsOf(() => owner.apiKeys.listApiKeys({ query }));
    expect(trips.flat()).toHaveLength(1);
  }
  restore();
});
