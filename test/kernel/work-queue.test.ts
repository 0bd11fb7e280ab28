import fc from "fast-check";
import { expect, test } from "vitest";
import { createWorkQueue } from "../../src/domain/kernel/work-queue.ts";
import { runs } from "../support/random.ts";

const overflow = () => new Error("too much");

/** Creates a queue whose work ends when the test ends it. */
function heldQueue(atOnce: number, maxWaiting: number) {
  const queue = createWorkQueue({ atOnce, maxWaiting, overflow });
  const started: string[] = [];
  const refused: string[] = [];
  const ends: (() => void)[] = [];
  let done = 0;
  function add(caller: string): void {
    const work = () => {
      started.push(caller);
      return new Promise<void>((resolve) => ends.push(resolve));
    };
    queue.run(caller, work).then(
      () => (done += 1),
      () => refused.push(caller),
    );
  }
  const settle = () => new Promise((resolve) => setImmediate(resolve));
  async function finishAll(): Promise<void> {
    for (let end = ends.shift(); end; end = ends.shift()) {
      end();
      await settle();
    }
  }
  return {
    add,
    hasRoom: queue.hasRoom,
    started,
    refused,
    finishAll,
    settle,
    running: () => ends.length,
    done: () => done,
  };
}

test("at most the bounds run and wait, and all accepted work is done", async () => {
  const callers = fc.array(fc.constantFrom("a", "b", "c", "d"), { maxLength: 30 });
  const bound = fc.integer({ min: 1, max: 5 });
  await fc.assert(
    fc.asyncProperty(callers, bound, bound, async (added, atOnce, maxWaiting) => {
      const { add, hasRoom, refused, finishAll, settle, running, done } = heldQueue(atOnce, maxWaiting);
      for (const caller of added) {
        const [room, before] = [hasRoom(caller), refused.length];
        add(caller);
        await settle();
        const lost = refused.slice(before);
        // If the queue has no room, the new caller loses. If it has room, no caller or a greedier one loses.
        expect(lost).toEqual(room ? lost.filter((one) => one !== caller) : [caller]);
      }
      expect(running()).toBe(Math.min(atOnce, added.length));
      expect(refused).toHaveLength(Math.max(0, added.length - atOnce - maxWaiting));
      await finishAll();
      expect(done() + refused.length).toBe(added.length);
    }),
    { numRuns: runs(50) },
  );
});

test("callers take turns, regardless of how much work each has waiting", async () => {
  const { add, started, finishAll } = heldQueue(1, 100);
  for (let i = 0; i < 10; i++) add("greedy");
  add("one");
  add("another");
  await finishAll();
  expect(started.slice(0, 4)).toEqual(["greedy", "greedy", "one", "another"]);
});

test("a full queue refuses the caller with the most waiting, and among equals the new caller", async () => {
  const { add, refused, settle } = heldQueue(1, 3);
  for (const caller of ["running", "greedy", "greedy", "greedy", "one", "another", "late"]) add(caller);
  await settle();
  expect(refused).toEqual(["greedy", "greedy", "late"]);
});

test("failed work makes room for the next", async () => {
  const queue = createWorkQueue({ atOnce: 1, maxWaiting: 1, overflow });
  const failed = queue.run("a", () => Promise.reject(new Error("broken")));
  const next = queue.run("a", async () => "done");
  await expect(failed).rejects.toThrow("broken");
  expect(await next).toBe("done");
});
