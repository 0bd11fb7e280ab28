import { afterEach, describe, expect, test, vi } from "vitest";
import type { Draw, Drawn, DrawnRun, Run } from "../../../src/verify/quota/draw.ts";
import { createQuotas } from "../../../src/verify/quota/quotas.ts";
import type { SpendHow } from "../../../src/verify/quota/spend.ts";
import { turn } from "../../support/coherence/loader.ts";

const ofKey = (key: string, accountId = "acct_a"): Draw => ({ accountId, ids: [key], cost: 1 });

const plenty = { remaining: 100, limit: 100, refillAt: undefined };

/** Quotas whose statements the test answers: it grants all draws, or reports the records of some ids as held. */
function handDriven() {
  const sent: {
    runs: readonly Run[];
    how: SpendHow;
    answer(held?: string[]): Promise<void>;
    fail(error: Error): Promise<void>;
  }[] = [];
  const quotas = createQuotas({
    send: (runs, how) =>
      new Promise<DrawnRun[]>((resolve, reject) => {
        async function answer(held: string[] = []): Promise<void> {
          const isHeld = ({ ids }: Run) => ids.some((id) => held.includes(id));
          resolve(runs.map((run) => ({ granted: isHeld(run) ? undefined : run.count, state: plenty })));
          await turn();
        }
        async function fail(error: Error): Promise<void> {
          reject(error);
          await turn();
        }
        sent.push({ runs, how, answer, fail });
      }),
  });
  return { quotas, sent };
}
const idsOf = ({ runs }: { runs: readonly Run[] }) =>
  runs.map(({ ids, count }) => `${ids.join("+")} ${count}`);

describe("statements", () => {
  test("the draws of one turn of the event loop share a statement", async () => {
    const { quotas, sent } = handDriven();
    const all = [...Array(100).fill(ofKey("key_a")), ofKey("key_b", "acct_b")].map((draw) =>
      quotas.draw(draw),
    );
    await turn();
    expect(sent.map(idsOf)).toEqual([["key_a 100", "key_b 1"]]);
    await sent[0]?.answer();
    expect((await Promise.all(all)).every(({ allowed }) => allowed)).toBe(true);
  });

  test("the draws of an account wait while a statement has some of its draws, and those of another account do not", async () => {
    const { quotas, sent } = handDriven();
    const results: Promise<Drawn>[] = [quotas.draw(ofKey("key_a"))];
    await turn();
    results.push(
      quotas.draw(ofKey("key_a")),
      quotas.draw(ofKey("key_2")),
      quotas.draw(ofKey("key_b", "acct_b")),
    );
    await turn();
    expect(sent.map(idsOf)).toEqual([["key_a 1"], ["key_b 1"]]);
    await sent[0]?.answer();
    expect(sent.map(idsOf)).toEqual([["key_a 1"], ["key_b 1"], ["key_a 1", "key_2 1"]]);
    for (const one of sent.slice(1)) await one.answer();
    await Promise.all(results);
  });

  test("an account with thousands of draws delays another account by at most one statement", async () => {
    const { quotas, sent } = handDriven();
    const flood = Array.from({ length: 4_000 }, () => quotas.draw(ofKey("key_a")));
    const other = quotas.draw(ofKey("key_b", "acct_b"));
    await turn();
    expect(sent.map(idsOf)).toEqual([["key_a 128", "key_b 1"]]);
    for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
    await Promise.all([...flood, other]);
  });

  test("a held record is drawn from by a statement of its account alone, in the order of arrival, while others go on", async () => {
    const { quotas, sent } = handDriven();
    const order: string[] = [];
    const draw = (name: string, one: Draw) => quotas.draw(one).then(() => order.push(name));
    const all = [draw("first", ofKey("key_a")), draw("other", ofKey("key_b", "acct_b"))];
    await turn();
    all.push(draw("second", ofKey("key_a")));
    await sent[0]?.answer(["key_a"]);
    expect(order).toEqual(["other"]);
    expect(sent[1]).toMatchObject({ runs: [{ ids: ["key_a"], count: 2 }], how: { waits: true } });
    all.push(draw("other again", ofKey("key_b", "acct_b")));
    await turn();
    expect(sent[2]).toMatchObject({ runs: [{ ids: ["key_b"] }], how: { waits: false } });
    for (const one of sent.slice(1)) await one.answer();
    await Promise.all(all);
    expect(order).toEqual(["other", "first", "second", "other again"]);
  });
});

describe("a draw that cannot be made", () => {
  afterEach(() => void vi.useRealTimers());

  test("is the newest one of the account with the most, beyond 5,000", async () => {
    const { quotas, sent } = handDriven();
    const few = quotas.draw(ofKey("key_b", "acct_b"));
    const flood = Array.from({ length: 5_000 }, () => quotas.draw(ofKey("key_a")));
    await expect(flood.at(-1)).rejects.toMatchObject({ reason: "UNAVAILABLE" });
    await turn();
    for (let at = 0; at < sent.length; at++) await sent[at]?.answer();
    await few;
    expect((await Promise.allSettled(flood)).filter(({ status }) => status === "rejected")).toHaveLength(1);
  });

  test("fails with all that wait if the database is away, and later draws are sent", async () => {
    const { quotas, sent } = handDriven();
    const first = quotas.draw(ofKey("key_a"));
    await turn();
    const second = quotas.draw(ofKey("key_a"));
    const away = Object.assign(new Error("refused"), { code: "ECONNREFUSED" });
    const failed = Promise.allSettled([first, second]);
    await sent[0]?.fail(away);
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    const later = quotas.draw(ofKey("key_a"));
    await turn();
    await sent[1]?.answer();
    expect(await later).toMatchObject({ allowed: true });
  });

  test("fails if it has no result in time, and is not repeated after that", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "performance"] });
    const { quotas, sent } = handDriven();
    const late = quotas.draw(ofKey("key_a"));
    const failed = expect(late).rejects.toMatchObject({ reason: "UNAVAILABLE" });
    await turn();
    vi.advanceTimersByTime(3_000);
    await failed;
    await sent[0]?.answer(["key_a"]);
    expect(sent).toHaveLength(1);
  });
});
