import { sql } from "kysely";
import { expect, onTestFinished, test } from "vitest";
import type { Db, Tx } from "../../src/db/connect.ts";
import { lockAndSee } from "../../src/domain/access/authority.ts";
import { type LockMode, rowLock } from "../../src/domain/kernel/row-lock.ts";
import { createTestDatabase } from "../support/database/database.ts";

const accountId = "acct_order";
const ids = Array.from({ length: 13 }, (_, n) => `ws_${n}`);

test("changes that name the same rows in different orders lock them in one order, so none waits for another in a circle", async () => {
  const { db, drop } = await createTestDatabase("migrated");
  onTestFinished(drop);
  const { rows } = await sql<{ id: string }>`
    select id from unnest(${ids}::text[]) as id
    order by latchkey_lock_key(${accountId}, id) offset 6 limit 1`.execute(db);
  const { changes, held } = await db.transaction().execute(async (tx) => {
    await lock(
      tx,
      "update",
      rows.map(({ id }) => id),
    );
    const changes = [await begin(db, ids), await begin(db, ids.toReversed())];
    return { changes, held: await Promise.all(changes.map(({ pid }) => heldBy(db, pid))) };
  });
  await Promise.all(changes.map(({ ended }) => ended));
  expect(held[0]).toHaveLength(6);
  expect(held[1]).toEqual(held[0]);
});

/** Locks rows as the first statement of a change does. */
async function lock(tx: Tx, mode: LockMode, named: readonly string[]): Promise<void> {
  const locks = named.map((id) => rowLock("workspace", accountId, id, mode));
  await lockAndSee(tx, { credentialId: null, accountId: null }, locks);
}

/** Begins a change that locks rows. Returns the process that serves it. */
async function begin(db: Db, named: readonly string[]): Promise<{ pid: number; ended: Promise<void> }> {
  const started = Promise.withResolvers<number>();
  const ended = db.transaction().execute(async (tx) => {
    const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(tx);
    started.resolve(rows[0]?.pid ?? 0);
    await lock(tx, "share", named);
  });
  return { pid: await started.promise, ended };
}

/** Returns the locks that a process holds while it waits for another one. */
async function heldBy(db: Db, pid: number): Promise<string[]> {
  const locksOf = async () => {
    const { rows } = await sql<{ name: string; granted: boolean }>`
      select classid || ' ' || objid as name, granted from pg_locks
      where locktype = 'advisory' and pid = ${pid} order by 1`.execute(db);
    return rows;
  };
  await expect.poll(async () => (await locksOf()).some((one) => !one.granted)).toBe(true);
  return (await locksOf()).filter((one) => one.granted).map((one) => one.name);
}
