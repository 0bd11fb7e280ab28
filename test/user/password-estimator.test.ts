import { readdirSync, readFileSync } from "node:fs";
import { getPriority } from "node:os";
import fc from "fast-check";
import { expect, onTestFinished, test } from "vitest";
import { createEstimator } from "../../src/app/password-estimator.ts";
import { estimatePassword } from "../../src/domain/user/password-estimate.ts";
import { runs } from "../support/random.ts";

const strong = "correct horse battery staple";
const unavailable = { reason: "UNAVAILABLE" };

/** Starts an estimator, optionally with another program for its thread. Returns it and the errors that it reported. */
function start(program?: string, timeoutMs = 5_000) {
  const failures: string[] = [];
  const file = program && new URL(`data:text/javascript,${encodeURIComponent(program)}`);
  const onFailure = (error: Error) => void failures.push(error.message);
  const estimator = createEstimator({ onFailure, timeoutMs, ...(file && { file }) });
  onTestFinished(() => estimator.close());
  const estimate = (password: string) => estimator.estimate("somebody", password, []);
  return { estimate, failures };
}

test("only the first 64 characters of a password are scored", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 128 }), (password) => {
      expect(estimatePassword(password, [])).toEqual(estimatePassword(password.slice(0, 64), []));
    }),
    { numRuns: runs(30) },
  );
  expect(estimatePassword(`${"a".repeat(64)}${strong}`, []).score).toBeLessThan(2);
});

test("a thread estimates a password like the function does, and knows words about the user", async () => {
  const { estimate } = start();
  expect(await estimate(strong)).toEqual(estimatePassword(strong, []));
  const estimator = createEstimator({ onFailure: () => {} });
  onTestFinished(() => estimator.close());
  expect(await estimator.estimate("somebody", "ada@example.com", ["ada@example.com"])).toMatchObject({
    score: 0,
    warning: "userInputs",
  });
});

test.runIf(process.platform === "linux")("the thread has a lower priority than the event loop", async () => {
  const before = getPriority();
  const { estimate } = start();
  await estimate(strong);
  const tasks = "/proc/self/task";
  // Field 19 of stat, counted behind the name in parentheses (proc_pid_stat(5)).
  const niceOf = (id: string | number) =>
    Number(readFileSync(`${tasks}/${id}/stat`, "utf8").replace(/.*\) /, "").split(" ")[16]);
  const own = niceOf(process.pid);
  expect(readdirSync(tasks).map(niceOf)).toContain(Math.max(own, 5));
  expect(own).toBe(before);
});

test("after a crash of the thread the call fails, and the next password gets a new thread", async () => {
  const crashing = `
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", ({ password }) => {
      if (password === "crash") throw new Error(password);
      if (password === "exit") process.exit(1);
      parentPort.postMessage({ score: 4, warning: "" });
    });`;
  const { estimate, failures } = start(crashing);
  for (const password of ["crash", "exit"]) {
    const [broken, next] = [estimate(password), estimate(strong)];
    await expect(broken).rejects.toMatchObject(unavailable);
    expect(await next).toEqual({ score: 4, warning: "" });
  }
  expect(failures).toEqual([
    "the thread that estimates passwords failed: Error",
    "the thread that estimates passwords ended",
  ]);
});

test("after a timeout of the thread the call fails, and the next password gets a new thread", async () => {
  const hanging = `
    import { parentPort } from "node:worker_threads";
    parentPort.on("message", ({ password }) => {
      while (password === "hang");
      parentPort.postMessage({ score: 4, warning: "" });
    });`;
  const { estimate, failures } = start(hanging, 500);
  // The time limit does not count the start of a thread, which a busy machine delays.
  await estimate(strong);
  const [late, next] = [estimate("hang"), estimate(strong)];
  await expect(late).rejects.toMatchObject(unavailable);
  expect(await next).toEqual({ score: 4, warning: "" });
  expect(failures).toEqual(["the thread that estimates passwords took too long"]);
});

test("the calls that wait for the thread are bounded", async () => {
  const { estimate } = start();
  const all = await Promise.allSettled(Array.from({ length: 110 }, () => estimate(strong)));
  const refused = all.filter((one) => one.status === "rejected");
  expect(refused).toHaveLength(9);
  for (const { reason } of refused) expect(reason).toMatchObject(unavailable);
});
