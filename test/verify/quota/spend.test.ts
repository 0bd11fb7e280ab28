import fc from "fast-check";
import { sql } from "kysely";
import { describe, expect, test } from "vitest";
import type { Db } from "../../../src/db/connect.ts";
import { type Draw, drawnOf, runsOf } from "../../../src/verify/quota/draw.ts";
import { spend } from "../../../src/verify/quota/spend.ts";
import { issueKey, useApp } from "../../support/app.ts";
import { creditsLeft, putCredits } from "../../support/database/credit.ts";

const app = useApp();
const at = { waits: true, limitMs: 1_000 };

async function drawAll(db: Db, draws: Omit<Draw, "accountId">[]) {
  const runs = runsOf(draws.map((draw) => ({ accountId: "", ...draw })));
  return [...drawnOf(runs, await spend(db, runs, at))];
}

async function newKeys(): Promise<{ accountId: string; one: string; two: string }> {
  const owner = await app.newAccount();
  const [one, two] = [await issueKey(owner), await issueKey(owner)];
  return { accountId: owner.account.metadata?.id ?? "", one: one.id, two: two.id };
}

describe("one statement", () => {
  test("decides like a model that takes draw by draw", async () => {
    const { accountId, one, two } = await newKeys();
    const ids = [one, two, accountId];
    const draw = fc.record({
      ids: fc.constantFrom([one], [one, accountId], [two, accountId], [accountId], ["key_missing"]),
      cost: fc.integer({ min: 0, max: 5 }),
      dryRun: fc.boolean(),
    });
    const lefts = fc.tuple(fc.nat(20), fc.nat(20), fc.nat(40));
    await fc.assert(
      fc.asyncProperty(fc.array(draw, { minLength: 1, maxLength: 20 }), lefts, async (draws, lefts) => {
        const left = new Map(ids.map((id, index) => [id, lefts[index] ?? 0]));
        for (const [id, remaining] of left) await putCredits(app.pool, { id, accountId, remaining });
        const least = (names: readonly string[]) =>
          Math.min(...names.map((id) => left.get(id) ?? Number.POSITIVE_INFINITY));
        const expected = draws.map(({ ids, cost, dryRun }) => {
          const allowed = least(ids) >= cost;
          const known = ids.filter((id) => left.has(id));
          if (allowed && !dryRun) for (const id of known) left.set(id, (left.get(id) ?? 0) - cost);
          return { allowed, remaining: known.length === 0 ? undefined : least(ids) };
        });
        const drawn = await drawAll(app.pool, draws);
        expect(drawn.map((one) => ({ allowed: one?.allowed, remaining: one?.state?.remaining }))).toEqual(
          expected,
        );
        for (const [id, remaining] of left) expect(await creditsLeft(app.pool, id)).toBe(remaining);
      }),
      { numRuns: 40 },
    );
  });

  test("names what was set as the limit, and the record that has the least left", async () => {
    const { accountId, one } = await newKeys();
    await putCredits(app.pool, { id: one, accountId, remaining: 3, granted: 10 });
    await putCredits(app.pool, { id: accountId, accountId, remaining: 50 });
    const [first, second] = await drawAll(app.pool, [
      { ids: [one, accountId], cost: 2 },
      { ids: [one, accountId], cost: 2 },
    ]);
    const state = { remaining: 1, limit: 10, refillAt: undefined };
    expect(first).toEqual({ allowed: true, state });
    expect(second).toEqual({ allowed: false, state });
    expect(await creditsLeft(app.pool, accountId)).toBe(48);
  });
});

describe("a record that another transaction holds", () => {
  test("is left out, and the statement takes from the others", async () => {
    const { accountId, one, two } = await newKeys();
    for (const id of [one, two]) await putCredits(app.pool, { id, accountId, remaining: 5 });
    await app.pool.transaction().execute(async (tx) => {
      await sql`select from credit where id = ${one} for update`.execute(tx);
      const runs = runsOf([one, two].map((id) => ({ accountId, ids: [id], cost: 1 })));
      const drawn = await spend(app.db, runs, { waits: false, limitMs: 1_000 });
      expect(drawn.map(({ granted }) => granted)).toEqual([undefined, 1]);
    });
    expect(await creditsLeft(app.pool, one)).toBe(5);
  });

  test("delays a statement that waits, which takes nothing if it is cancelled", async () => {
    const { accountId, one, two } = await newKeys();
    for (const id of [one, two]) await putCredits(app.pool, { id, accountId, remaining: 5 });
    await app.pool.transaction().execute(async (tx) => {
      await sql`select from credit where id = ${two} for update`.execute(tx);
      const runs = runsOf([one, two].map((id) => ({ accountId, ids: [id], cost: 1 })));
      await expect(spend(app.db, runs, { waits: true, limitMs: 50 })).rejects.toMatchObject({
        code: "57014",
      });
    });
    expect(await creditsLeft(app.pool, one)).toBe(5);
  });
});

describe("a connection with asynchronous commits", () => {
  test("takes credits by a synchronous one", async () => {
    const { rows } = await app.pool.connection().execute(async (one) => {
      await sql`set synchronous_commit = off`.execute(one);
      return sql<{ setting: string }>`
        select current_setting('synchronous_commit') as setting
        from latchkey_spend('{key_none}', '{1}', '{1}', '{1}', '{1}', '{1}', true)`.execute(one);
    });
    expect(rows).toEqual([{ setting: "on" }]);
  });
});

describe("a refill", () => {
  const day = 86_400_000;
  const time = fc.integer({ min: Date.UTC(2020, 0), max: Date.UTC(2040, 0) });

  test("raises what is left at the first use in a new day or month of UTC, in every time zone of the server", async () => {
    const record = fc.record({ remaining: fc.nat(20), amount: fc.integer({ min: 1, max: 20 }), began: time });
    const interval = fc.constantFrom("daily" as const, "monthly" as const);
    const zone = fc.constantFrom("UTC", "Pacific/Kiritimati", "America/New_York");
    await app.pool.connection().execute((db) =>
      fc.assert(
        fc.asyncProperty(
          record,
          interval,
          zone,
          fc.integer({ min: -40 * day, max: 40 * day }),
          async (record, interval, zone, later) => {
            const [began] = periodOf(interval, record.began);
            const now = record.began + later;
            const [begins, next] = periodOf(interval, now);
            await sql`select set_config('TimeZone', ${zone}, false)`.execute(db);
            const row = {
              remaining: record.remaining,
              refill_amount: record.amount,
              refill_interval: interval,
              refilled_at: new Date(began),
              granted: 0,
            };
            const { rows } = await sql`
            select * from latchkey_credit_at(
              jsonb_populate_record(null::credit, ${JSON.stringify(row)}::jsonb), ${new Date(now)}
            )`.execute(db);
            expect(rows).toEqual([
              {
                remaining: String(
                  begins > began ? Math.max(record.remaining, record.amount) : record.remaining,
                ),
                limit: String(record.amount),
                // The clock of another server may be behind.
                refilled_at: new Date(Math.max(begins, began)),
                refill_at: new Date(next),
              },
            ]);
          },
        ),
        { numRuns: 60 },
      ),
    );
  });

  test("is stored by the first draw of the period, once", async () => {
    const { accountId, one } = await newKeys();
    const yesterday = new Date(periodOf("daily", Date.now() - day)[0]);
    const record = {
      id: one,
      accountId,
      remaining: 0,
      refill: { amount: 3, interval: "daily" as const },
    };
    await putCredits(app.pool, { ...record, refilledAt: yesterday });
    const draws = Array(4).fill({ ids: [one], cost: 1 });
    const allowed = async () => (await drawAll(app.pool, draws)).map((one) => one?.allowed);
    expect(await allowed()).toEqual([true, true, true, false]);
    expect(await allowed()).toEqual([false, false, false, false]);
  });
});

// The period of a time, in UTC: when it began, and when the next one begins.
function periodOf(interval: "daily" | "monthly", time: number): [number, number] {
  const date = new Date(time);
  const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()];
  if (interval === "monthly") return [Date.UTC(year, month), Date.UTC(year, month + 1)];
  return [Date.UTC(year, month, date.getUTCDate()), Date.UTC(year, month, date.getUTCDate() + 1)];
}
