import { sql } from "kysely";
import { beforeAll, expect, test } from "vitest";
import { load } from "../../../src/verify/cache/load.ts";
import { evaluate } from "../../../src/verify/evaluate/evaluate.ts";
import { issueKey, type Owner, useApp } from "../../support/app.ts";

const app = useApp();
let owner: Owner;
beforeAll(async () => {
  owner = await app.newAccount();
});

const stored = (name: string, cost = 1) => ({ name, limit: 10, period_ms: 60_000, cost });
const rule = (counter: string, name: string, cost = 1) => ({
  counter,
  name,
  limit: 10,
  periodMs: 60_000,
  cost,
});

/** Loads a key and evaluates it. Returns what its verification takes from, and the access as the cache keeps it. */
async function drawsOf(id: string, accountId = "") {
  const lookupKey = { id, accountId: "", workspaceId: "" };
  const [loaded] = await load(app.db, [lookupKey], { limitMs: 5_000, primary: "" });
  const digest = loaded?.credential?.tokens[0]?.digest;
  if (!loaded || digest === undefined) throw new Error("the key was not loaded");
  const requirements = {
    accountId,
    workspaceId: "",
    permissions: [],
    entitlements: [],
    environment: undefined,
  };
  const { draws, failures } = evaluate(loaded, digest, requirements, { sessionIdleMs: 1_000 });
  return { draws, failures, access: loaded.credential?.openings[0] };
}

test("a key without limits draws on nothing, and its cached entry shares its empty lists with the others", async () => {
  const [one, another] = [
    await drawsOf((await issueKey(owner)).id),
    await drawsOf((await issueKey(owner)).id),
  ];
  expect(one.draws).toBeUndefined();
  expect(one.access).toMatchObject({ limits: [], credits: [], drawsOn: null });
  expect(one.access?.limits).toBe(another.access?.limits);
  expect(one.access?.credits).toBe(another.access?.credits);
});

test("a key takes from its own limits and credits, then from those of its account", async () => {
  const owner = await app.newAccount();
  const accountId = owner.account.metadata?.id ?? "";
  const [root, child] = [await issueKey(owner), await issueKey(owner)];
  await sql`update api_key set limited_by_key_id = ${root.id} where id = ${child.id}`.execute(app.db);
  expect((await drawsOf(child.id)).draws).toBeUndefined();

  const limits = JSON.stringify([stored("burst", 2), stored("minute")]);
  await sql`update api_key set rate_limits = ${limits} where id = ${root.id}`.execute(app.db);
  await sql`insert into credit (id, account_id, remaining) values (${root.id}, ${accountId}, 5)`.execute(
    app.db,
  );
  const own = [rule(root.id, "burst", 2), rule(root.id, "minute")];
  expect((await drawsOf(root.id)).draws).toMatchObject({ limits: own, credits: [root.id], drawsOn: null });

  const ofAccount = JSON.stringify([stored("all")]);
  await sql`update account set rate_limits = ${ofAccount} where id = ${accountId}`.execute(app.db);
  await sql`insert into credit (id, account_id, remaining) values (${accountId}, ${accountId}, 5)`.execute(
    app.db,
  );
  const both = { limits: [...own, rule(accountId, "all")], credits: [root.id, accountId] };
  expect((await drawsOf(root.id)).draws).toMatchObject(both);
  expect((await drawsOf(child.id)).draws).toMatchObject({ ...both, drawsOn: root.id });
  const other = await drawsOf((await issueKey(owner)).id);
  expect(other.draws).toMatchObject({ limits: [rule(accountId, "all")], credits: [accountId] });
});

test("the look-up of a bearer keeps its plan, with and without limits", async () => {
  const keys = [await issueKey(owner), await issueKey(await app.newAccount())];
  const lookupKeys = keys.map(({ id }) => ({ id, accountId: "", workspaceId: "" }));
  await app.pool.connection().execute(async (one) => {
    // The Postgres of the tests plans once. Here it chooses as in production.
    await sql`set plan_cache_mode = auto`.execute(one);
    // Postgres plans a statement anew in its first five executions, and then compares the costs.
    for (let time = 0; time < 12; time++) {
      expect(await load(one, lookupKeys, { limitMs: 5_000, primary: "" })).toHaveLength(2);
    }
    const { rows } = await sql<{ custom: number }>`
      select custom_plans::int as custom from pg_prepared_statements where statement like '%wanted.position%'`.execute(
      one,
    );
    expect(rows).toEqual([{ custom: 5 }]);
  });
});

test("a token that is not valid takes from nothing", async () => {
  const { id } = await issueKey(owner);
  const limits = JSON.stringify([stored("burst")]);
  await sql`update api_key set rate_limits = ${limits} where id = ${id}`.execute(app.db);
  expect((await drawsOf(id)).draws).toBeDefined();
  const refused = await drawsOf(id, "acct_of_others");
  expect(refused.failures).toMatchObject([{ verdict: "ACCOUNT_MISMATCH" }]);
  expect(refused.draws).toBeUndefined();
});

test("the database refuses limits and credits that no key or account can have", async () => {
  const [key, other] = [await issueKey(owner), await issueKey(await app.newAccount())];
  const accountId = owner.account.metadata?.id ?? "";
  const set = (change: string) =>
    sql`update api_key set ${sql.raw(change)} where id = ${key.id}`.execute(app.db);
  await expect(set(`limited_by_key_id = id`)).rejects.toThrow(/check constraint/);
  await expect(set(`limited_by_key_id = '${other.id}'`)).rejects.toThrow(/foreign key/);
  await expect(set(`rate_limits = '{}'`)).rejects.toThrow(/check constraint/);
  await expect(set(`rate_limits = '[1,2,3,4,5,6,7,8,9]'`)).rejects.toThrow(/check constraint/);
  const insert = (id: string, remaining: number) =>
    sql`insert into credit (id, account_id, remaining) values (${id}, ${accountId}, ${remaining})`.execute(
      app.db,
    );
  await expect(insert(other.id, 1)).rejects.toThrow(/foreign key/);
  await expect(insert(key.id, -1)).rejects.toThrow(/check constraint/);
});
