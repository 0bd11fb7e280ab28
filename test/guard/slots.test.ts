import { expect, test } from "vitest";
import { createSlots } from "../../src/guard/slots.ts";

const bounds = { slots: 1, waiting: 5, patienceMs: 10_000 };

// Lets calls of these clients wait, one after the other. Returns what was given, in its order.
async function waitFor(slots: ReturnType<typeof createSlots>, clients: string[]) {
  const order: string[] = [];
  for (const client of clients) {
    void slots.take(client).then((got) => order.push(got ? client : `not ${client}`));
  }
  await Promise.resolve();
  return order;
}

test("clients take turns for a slot, however many calls one of them has", async () => {
  const slots = createSlots(bounds);
  expect(await slots.take("a")).toBe(true);
  const order = await waitFor(slots, ["a", "a", "a", "b"]);
  for (let times = 0; times < 4; times++) {
    slots.giveBack();
    await expect.poll(() => order.length).toBe(times + 1);
  }
  expect(order).toEqual(["a", "b", "a", "a"]);
});

test("a full queue refuses the newest call of the client with the most calls", async () => {
  const slots = createSlots(bounds);
  await slots.take("a");
  const order = await waitFor(slots, ["a", "a", "a", "a", "a", "b", "a"]);
  await expect.poll(() => order).toEqual(["not a", "not a"]);
  for (let times = 0; times < 5; times++) slots.giveBack();
  await expect.poll(() => order).toEqual(["not a", "not a", "a", "b", "a", "a", "a"]);
});

test("a call is refused when it has waited too long, and the slot stays usable", async () => {
  const slots = createSlots({ ...bounds, patienceMs: 100 });
  await slots.take("a");
  expect(await slots.take("b")).toBe(false);
  slots.giveBack();
  expect(await slots.take("b")).toBe(true);
});

test("closed slots refuse every call, also one that waits", async () => {
  const slots = createSlots(bounds);
  await slots.take("a");
  const waiting = slots.take("a");
  slots.close();
  expect(await waiting).toBe(false);
  expect(await slots.take("a")).toBe(false);
});
