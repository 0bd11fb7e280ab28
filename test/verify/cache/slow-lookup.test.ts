import { sql } from "kysely";
import { afterEach, describe, expect, test, vi } from "vitest";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { issueKey, useApp } from "../../support/app.ts";
import { handDriven, turn } from "../../support/coherence/loader.ts";
import { refusal } from "../../support/errors.ts";

const tooSlow = Object.assign(new Error("canceling statement due to user request"), { code: "57014" });

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("statements that the test answers", () => {
  afterEach(() => void vi.useRealTimers());

  /** Answers every statement, and cancels the statements that contain a slow id. */
  async function drive(
    { sent }: ReturnType<typeof handDriven>,
    slow: readonly string[],
  ): Promise<string[][]> {
    const statements: string[][] = [];
    for (let at = 0; at < sent.length; at++) {
      const ids = sent[at]?.ids ?? [];
      statements.push(ids);
      await (ids.some((id) => slow.includes(id)) ? sent[at]?.fail(tooSlow) : sent[at]?.answer());
    }
    return statements;
  }

  test("a slow id fails alone, and the other ids of its statement get their results", async () => {
    const world = handDriven();
    const ids = Array.from({ length: 200 }, (_, index) => `un${index}`);
    const all = Promise.allSettled(ids.map((id, index) => world.fetch(id, index % 2 ? "one" : "other")));
    await turn();
    const statements = await drive(world, ["un77"]);
    const failed = (await all).flatMap(({ status }, index) => (status === "rejected" ? [ids[index]] : []));
    expect(failed).toEqual(["un77"]);
    await expect((await all)[77]).toMatchObject({ reason: { reason: "UNAVAILABLE" } });
    // First all together, then in parts of 16 of one caller, then the part with the slow id one by one.
    const lengths = statements.map((one) => one.length).sort((a, b) => b - a);
    expect(lengths).toEqual([200, ...times(12, 16), ...times(2, 4), ...times(16, 1)]);
    for (const part of statements.slice(1)) {
      expect(new Set(part.map((id) => Number(id.slice(2)) % 2)).size).toBe(1);
    }
  });

  test("a slow id is looked up alone until it is fast again", async () => {
    const world = handDriven();
    const first = refused(world.fetch("un-slow"));
    await turn();
    expect(await drive(world, ["un-slow"])).toEqual([["un-slow"], ["un-slow"]]);
    await first;
    world.sent.length = 0;
    const all = ["un1", "un-slow", "un-slow", "un2"].map((id) => world.fetch(id));
    await turn();
    expect(await drive(world, [])).toEqual([["un1", "un2"], ["un-slow"]]);
    await Promise.all(all);
    world.sent.length = 0;
    const again = ["un1", "un-slow"].map((id) => world.fetch(id));
    await turn();
    expect(await drive(world, [])).toEqual([["un1", "un-slow"]]);
    await Promise.all(again);
  });

  test("a statement that takes too long does not reject the look-ups that wait behind it", async () => {
    const world = handDriven();
    const all = Promise.allSettled(Array.from({ length: 600 }, (_, index) => world.fetch(`un${index}`)));
    await turn();
    await drive(world, ["un3"]);
    expect((await all).filter(({ status }) => status === "rejected")).toHaveLength(1);
  });

  test("slow ids of one caller take turns with the ids of other callers", async () => {
    const world = handDriven();
    const slow = Array.from({ length: 20 }, (_, index) => `un-slow${index}`);
    const failed = Promise.all(slow.map((id) => refused(world.fetch(id, "busy"))));
    const mine = world.fetch("un-mine", "modest");
    await turn();
    const statements = await drive(world, slow);
    await Promise.all([failed, mine]);
    // Before it come at most the first statement, one part of the slow ids, and two single slow ids.
    expect(statements.map(String).indexOf("un-mine")).toBeLessThan(5);
  });

  test("a look-up is rejected before its caller has waited for 3 s, whatever the reason", async () => {
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
    const world = handDriven();
    const all = Array.from({ length: 600 }, (_, index) => refused(world.fetch(`un${index}`)));
    await turn();
    expect(world.sent).toHaveLength(2);
    await vi.advanceTimersByTimeAsync(2_850);
    expect(new Set(await Promise.all(all))).toEqual(new Set(["UNAVAILABLE"]));
    expect(world.sent).toHaveLength(2);
  });
});

describe("a view that is slow for one key", () => {
  const app = useApp();

  test("20 of 20 first look-ups of another tenant succeed while a slow credential is looked up", async () => {
    const [heavy, other] = [await app.newAccount(), await app.newAccount()];
    const slow = await issueKey(heavy);
    const tokens = await Promise.all(Array.from({ length: 20 }, async () => (await issueKey(other)).token));
    await sql`alter view bearer rename to bearer_before`.execute(app.pool);
    await sql`create view bearer as select * from bearer_before
      where case when id = ${sql.lit(slow.id)} then pg_sleep(10)::text = '' else true end`.execute(app.pool);
    const verifier = app.clientAs(app.platformToken);
    const startedAt = performance.now();
    const verify = (token: string) => verifier.tokens.verifyToken({ token });
    const refused = refusal(verify(slow.token));
    const verdicts = await Promise.all(tokens.map(verify));
    expect(performance.now() - startedAt).toBeLessThan(3_000);
    expect(verdicts.filter(({ verdict }) => verdict === Verdict.VALID)).toHaveLength(20);
    expect(await refused).toMatchObject({ code: "Unavailable", reason: "UNAVAILABLE", retry: true });
  });
});

const times = (count: number, length: number) => Array.from({ length: count }, () => length);

async function refused(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "answered",
    (error: { reason: string }) => error.reason,
  );
}
