import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Tx } from "../../src/db/connect.ts";
import { inTransaction, together } from "../../src/db/transaction.ts";
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

const insert = (tx: Tx, id: number) => sql`insert into thing (id) values (${id})`.execute(tx);
const count = async () => {
  const { rows } = await sql<{ n: number }>`select count(*)::int as n from thing`.execute(database.db);
  return rows[0]?.n;
};

test("statements that are started together travel together, the first ones with BEGIN, and each sees those before", async () => {
  const trips = await watch.tripsOf(() =>
    inTransaction(database.db, async (tx) => {
      const [, seen] = await together([insert(tx, 1), sql`select id from thing`.execute(tx)]);
      expect(seen.rows).toEqual([{ id: 1 }]);
      await insert(tx, 2);
    }),
  );
  expect(trips.map((trip) => trip.length)).toEqual([3, 1, 1]);
  expect(trips.map(([first]) => first)).toEqual(["begin", expect.stringMatching(/^insert/), "commit"]);
  expect(await count()).toBe(2);
});

test("if one of them fails, its error is thrown, nothing holds, and the connection goes on", async () => {
  const before = await count();
  const failing = inTransaction(database.db, (tx) =>
    together([insert(tx, 10), sql`select 1 / ${0}::integer`.execute(tx), insert(tx, 11), insert(tx, 12)]),
  );
  await expect(failing).rejects.toMatchObject({ code: "22012" });
  expect(await count()).toBe(before);
});

test("a failure that the work swallows cannot be committed", async () => {
  const swallowing = inTransaction(database.db, async (tx) => {
    await insert(tx, 20);
    await insert(tx, 20).catch(() => undefined);
  });
  await expect(swallowing).rejects.toThrow(/was rolled back/);
});

test("work that gives up rolls back what it had started", async () => {
  const before = await count();
  const refusing = inTransaction(database.db, async (tx) => {
    void insert(tx, 30);
    throw new Error("refused");
  });
  await expect(refusing).rejects.toThrow("refused");
  expect(await count()).toBe(before);
});

test("a transaction that is over takes no statement", async () => {
  const tx = await inTransaction(database.db, async (tx) => tx);
  await expect(insert(tx, 40)).rejects.toThrow(/is over/);
});
