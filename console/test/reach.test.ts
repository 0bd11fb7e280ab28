import { expect, test } from "vitest";
import { createReach } from "../src/reach.ts";
import { createRenewal } from "../src/renewal.ts";

test("a server that does not answer is away until it answers, and calls wait for that", async () => {
  const answers = [false, true];
  const seen: boolean[] = [];
  const reach = createReach(async () => answers.shift() ?? true);
  reach.away.subscribe(() => seen.push(reach.away.get()));
  await reach.back(new AbortController().signal);
  expect(seen).toEqual([true, false]);
});

test("a server that answers at once is never away", async () => {
  const seen: boolean[] = [];
  const reach = createReach(async () => true);
  reach.away.subscribe(() => seen.push(reach.away.get()));
  await reach.back(new AbortController().signal);
  expect(seen).toEqual([]);
});

test("a call that is cancelled does not wait for the server", async () => {
  const reach = createReach(() => new Promise(() => {}));
  const call = new AbortController();
  const waiting = reach.back(call.signal);
  call.abort(new Error("cancelled"));
  await expect(waiting).rejects.toThrow("cancelled");
});

test("all calls that wait for a log-in continue after it, and later ones wait for the next", async () => {
  const renewal = createRenewal();
  const { signal } = new AbortController();
  const waiting = Promise.all([renewal.wait(signal), renewal.wait(signal)]);
  expect(renewal.needed.get()).toBe(true);
  renewal.renewed();
  await waiting;
  expect(renewal.needed.get()).toBe(false);
  const later = renewal.wait(signal);
  expect(await Promise.race([later.then(() => "continued"), Promise.resolve("waits")])).toBe("waits");
});
