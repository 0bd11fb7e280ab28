import fc from "fast-check";
import { expect, test } from "vitest";
import { createFairTurns } from "../../src/net/turns.ts";

const turnOfLoop = () => new Promise<void>((resolve) => setImmediate(resolve));

test("work that arrives alone starts at once", () => {
  const turns = createFairTurns(0);
  let started = false;
  turns.start("a", () => (started = true));
  expect(started).toBe(true);
});

test("a client that arrives after the burst of another client waits for at most two pieces of its work", async () => {
  const turns = createFairTurns(0);
  const order: string[] = [];
  for (let n = 0; n < 50; n++) turns.start("flood", () => order.push("flood"));
  turns.start("victim", () => order.push("victim"));
  while (order.length < 51) await turnOfLoop();
  expect(order.indexOf("victim")).toBeLessThanOrEqual(2);
});

test("in one turn of the event loop, work starts only until the slice is over", async () => {
  const turns = createFairTurns(5);
  let [done, longest] = [0, 0];
  for (let n = 0; n < 40; n++) {
    turns.start("flood", () => {
      const until = performance.now() + 1;
      while (performance.now() < until);
      done += 1;
    });
  }
  const atOnce = done;
  for (let before = done; done < 40; before = done) {
    await turnOfLoop();
    longest = Math.max(longest, done - before);
  }
  expect(atOnce).toBeLessThanOrEqual(6);
  // One turn of this loop may contain two turns of the work.
  expect(longest).toBeLessThanOrEqual(12);
});

test("each client's n-th piece of work starts after at most n pieces of each other client", async () => {
  const arrivals = fc.array(fc.nat({ max: 4 }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(arrivals, async (owners) => {
      const turns = createFairTurns(0);
      const order: number[] = [];
      for (const owner of owners) turns.start(String(owner), () => order.push(owner));
      while (order.length < owners.length) await turnOfLoop();
      expect([...order].sort()).toEqual([...owners].sort());
      order.forEach((owner, at) => {
        const before = (one: number) => order.slice(0, at).filter((other) => other === one).length;
        // The first piece of work starts when it arrives, before the others have arrived.
        for (let other = 0; other < 5; other++) expect(before(other)).toBeLessThanOrEqual(before(owner) + 2);
      });
    }),
    { numRuns: 50 },
  );
});
