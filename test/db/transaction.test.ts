import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tx } from "../../src/db/connect.ts";
import { withStatements } from "../../src/db/statement-scope.ts";
import { inTransaction } from "../../src/db/transaction.ts";
import { together } from "../../src/domain/kernel/together.ts";
import { createTestDatabase, type TestDatabase } from "../support/database/database.ts";
import { watchTrips } from "../support/database/trips.ts";

let database: TestDatabase;
let watch: ReturnType<typeof watchTrips>;
beforeAll(async () => {
  database = await createTestDatabase("empty");
  watch = watchTrips();
  await sql`create table thing (id integer primary key)`.execute(database.db);
});
afterAll(async () => {
  watch.restore();
  await database.drop();
});

const transact = <T>(work: (tx: Tx) => Promise<T>) =>
  inTransaction(database.db, work, async (_tx, result) => result);
const insert = (tx: Tx, id: number) => sql`insert into thing (id) values (${id})`.execute(tx);
const count = async () => {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from thing`.execute(database.db);
  return rows[0]?.n;
};

test("statements that are started together are sent together, the first ones with BEGIN, and each sees earlier writes", async () => {
  const trips = await watch.tripsOf(() =>
    transact(async (tx) => {
      const [, seen] = await together([insert(tx, 1), sql`select id from thing`.execute(tx)]);
      expect(seen.rows).toEqual([{ id: 1 }]);
      await insert(tx, 2);
    }),
  );
  expect(trips.map((trip) => trip.length)).toEqual([3, 1, 1]);
  expect(trips.map(([first]) => first)).toEqual(["begin", expect.stringMatching(/^insert/), "commit"]);
  expect(await count()).toBe(2);
});

test("if one of several statements fails, its error is thrown, nothing changes, and the connection stays usable", async () => {
  const before = await count();
  const failing = transact((tx) =>
    together([insert(tx, 10), sql`select 1 / ${0}::integer`.execute(tx), insert(tx, 11), insert(tx, 12)]),
  );
  await expect(failing).rejects.toMatchObject({ code: "22012" });
  expect(await count()).toBe(before);
});

test("a transaction is not committed if the work ignores the error of a statement", async () => {
  const ignoring = transact(async (tx) => {
    await insert(tx, 20);
    await insert(tx, 20).catch(() => undefined);
  });
  await expect(ignoring).rejects.toThrow(/was rolled back/);
});

test("if the work throws, the statements that it started are rolled back", async () => {
  const before = await count();
  const refusing = transact(async (tx) => {
    void insert(tx, 30);
    throw new Error("refused");
  });
  await expect(refusing).rejects.toThrow("refused");
  expect(await count()).toBe(before);
});

test("a transaction that is over refuses further statements", async () => {
  const tx = await transact(async (tx) => tx);
  await expect(insert(tx, 40)).rejects.toThrow(/is over/);
});

test("the last statement is sent with COMMIT, and its failure is the failure of the transaction", async () => {
  const before = await count();
  const made = (id: number, divisor: number) =>
    inTransaction(
      database.db,
      (tx) => insert(tx, id),
      (tx) => sql<{ n: number }>`select 6 / ${divisor}::integer as n`.execute(tx),
    );
  const trips = await watch.tripsOf(async () => expect((await made(50, 2)).rows).toEqual([{ n: 3 }]));
  expect(trips.map((trip) => trip.length)).toEqual([2, 2]);
  await expect(made(51, 0)).rejects.toMatchObject({ code: "22012" });
  expect(await count()).toBe((before ?? 0) + 1);
});

test("work whose caller gives up is rolled back, and a COMMIT that was sent is not cancelled", async () => {
  const before = await count();
  const early = new AbortController();
  const given = withStatements({ signal: early.signal }, () =>
    transact(async (tx) => {
      await insert(tx, 60);
      early.abort(new Error("given up"));
    }),
  );
  await expect(given).rejects.toThrow("given up");
  const late = new AbortController();
  await withStatements({ signal: late.signal }, () =>
    inTransaction(
      database.db,
      (tx) => insert(tx, 61),
      async (tx) => {
        late.abort(new Error("too late"));
        await sql`select 1`.execute(tx);
      },
    ),
  );
  expect(await count()).toBe((before ?? 0) + 1);
});
