import { expect, test } from "vitest";
import { createCallerQueue } from "../../src/db/caller-queue.ts";

const limits = { running: 2, waiting: 3, overflow: () => new Error("too many") };

/** Work that ends when it is told to. */
function job(log: string[], name: string) {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const work = () => {
    log.push(name);
    return promise;
  };
  return { work, end: () => resolve(name), fail: () => reject(new Error(name)) };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("work of one caller runs up to the limit, and then in order", async () => {
  const queue = createCallerQueue(limits);
  const log: string[] = [];
  const jobs = ["a", "b", "c", "d"].map((name) => job(log, name));
  const results = jobs.map(({ work }) => queue.run("one", work));
  await turn();
  expect(log).toEqual(["a", "b"]);
  jobs[1]?.end();
  await turn();
  expect(log).toEqual(["a", "b", "c"]);
  for (const { end } of jobs) end();
  expect(await Promise.all(results)).toEqual(["a", "b", "c", "d"]);
});

test("another caller does not wait", async () => {
  const queue = createCallerQueue(limits);
  const log: string[] = [];
  for (const name of ["a", "b", "c"]) void queue.run("one", job(log, name).work);
  void queue.run("another", job(log, "x").work);
  await turn();
  expect(log).toEqual(["a", "b", "x"]);
});

test("work that fails makes room, and what comes on top of the line is refused", async () => {
  const queue = createCallerQueue(limits);
  const log: string[] = [];
  const jobs = ["a", "b", "c", "d", "e"].map((name) => job(log, name));
  const results = jobs.map(({ work }) => queue.run("one", work));
  await expect(queue.run("one", job(log, "f").work)).rejects.toThrow("too many");
  jobs[0]?.fail();
  await expect(results[0]).rejects.toThrow("a");
  await turn();
  expect(log).toEqual(["a", "b", "c"]);
  for (const { end } of jobs) end();
  await Promise.all(results.slice(1));
  // The line is empty again.
  const last = job(log, "g");
  last.end();
  expect(await queue.run("one", last.work)).toBe("g");
});
