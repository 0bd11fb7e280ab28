import { stat } from "node:fs/promises";
import fc from "fast-check";
import { expect, test } from "vitest";
import { shareThreads } from "../../src/config/password-threads.ts";
import { withStatements } from "../../src/db/statement-scope.ts";
import type { PasswordCost } from "../../src/domain/user/argon2.ts";
import { argon2id, createPasswords } from "../../src/domain/user/password.ts";
import { logIn } from "../support/actors/actors.ts";
import { issueKey, password, useApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";

// A tenth of the production cost. One hash takes a few milliseconds, so the sign-ups still last longer than a log-in.
const tenth: PasswordCost = { memoryCost: 2_048, timeCost: 2, parallelism: 1 };
const app = useApp({}, { passwordCost: tenth });
const signUp = (email: string, secret = password) =>
  app.clientAs("").sessions.signUp({ email, password: secret, name: "Somebody", accountName: "Acme" });

test("200 concurrent sign-ups neither refuse nor delay a log-in, and refused sign-ups may retry", async () => {
  const owner = await app.newAccount();
  let made = 0;
  const signUps = Array.from({ length: 200 }, async (_, index) => {
    await signUp(`crowd${index}@example.com`);
    made += 1;
  });
  const settled = Promise.allSettled(signUps);
  await logIn(app, owner.email);
  const before = made;
  const refused = (await settled).filter((one) => one.status === "rejected");
  expect(before).toBeLessThan(made);
  expect(refused.length + made).toBe(200);
  for (const { reason } of refused) {
    expect(await refusal(Promise.reject(reason))).toMatchObject({ reason: "UNAVAILABLE", retry: true });
  }
});

test("a password is checked at once while many new ones wait for their hash", async () => {
  const { passwords, call } = await fewThreads();
  let hashed = 0;
  const crowd = Array.from({ length: 40 }, async () => {
    await passwords.make(call(""), { password, field: "password", personal: [] });
    hashed += 1;
  });
  await new Promise((resolve) => setImmediate(resolve));
  await passwords.check(call(""), undefined, password);
  expect(hashed).toBeLessThan(20);
  await Promise.all(crowd);
});

test("the password of a caller that gave up while it waited is not hashed", async () => {
  const { passwords, call } = await fewThreads();
  const gone = new AbortController();
  const order: string[] = [];
  const check = (name: string) =>
    passwords.check(call(""), undefined, password).then(
      () => order.push(name),
      () => order.push("given up"),
    );
  const first = check("first");
  const left = Array.from({ length: 10 }, () =>
    withStatements({ signal: gone.signal }, () => check("hashed")),
  );
  const stays = check("stays");
  gone.abort(new Error("gone"));
  await Promise.all([first, ...left, stays]);
  expect(order).toEqual(["first", ...Array(10).fill("given up"), "stays"]);
});

test("verifications complete while the server scores slow passwords", async () => {
  const owner = await app.newAccount();
  const { token } = await issueKey(owner);
  // The password is weak, so it is not hashed. It is slow, because zxcvbn tries every way to read it as numbers and
  // dates.
  const slow = "2".repeat(128);
  let scored = 0;
  const signUps = Array.from({ length: 8 }, async (_, index) => {
    const refused = await refusal(signUp(`slow${index}@example.com`, slow));
    expect(refused.violations).toMatchObject([{ field: "password" }]);
    scored += 1;
  });
  for (let i = 0; i < 10; i++) {
    const { valid } = await app.clientAs(app.platformToken).tokens.verifyToken({ token });
    expect(valid).toBe(true);
  }
  expect(scored).toBeLessThan(8);
  await Promise.all(signUps);
});

test("other clients get turns for their log-ins while one address sends many", async () => {
  const { passwords, call } = await fewThreads();
  const order: string[] = [];
  const work = async (name: string, address: string) => {
    await passwords.check(call(address), undefined, password);
    order.push(name);
  };
  const flood = Array.from({ length: 20 }, () => work("flood", "192.0.2.1"));
  await Promise.all([...flood, work("victim", "192.0.2.2")]);
  expect(order.indexOf("victim")).toBeLessThan(3);
});

test("hashing leaves a thread of Node's pool for files and name look-ups", async () => {
  const { passwords, call } = await fewThreads(64, argon2id);
  const make = () => passwords.make(call(""), { password, field: "password", personal: [] });
  const check = () => passwords.check(call(""), undefined, password);
  let first = 0;
  for (let trial = 0; trial < 6; trial++) {
    let hashed = 0;
    const crowd = [make(), make(), check(), check()].map((one) => one.then(() => (hashed += 1)));
    await new Promise((resolve) => setImmediate(resolve));
    await stat(".");
    if (hashed === 0) first += 1;
    await Promise.all(crowd);
  }
  // Without a free thread, each file access would wait for a hash. A busy machine may delay it a few times.
  expect(first).toBeGreaterThanOrEqual(2);
});

test("passwords never use all threads of Node's pool, for any size of the pool and any number of cores", () => {
  fc.assert(
    fc.property(fc.integer({ min: 3, max: 1024 }), fc.integer({ min: 1, max: 1024 }), (pool, cores) => {
      const { make, check } = shareThreads(pool, cores);
      expect(make).toBeGreaterThan(0);
      expect(check).toBeGreaterThan(0);
      expect(make + check).toBeLessThan(pool);
    }),
  );
});

/** Creates the password service with Node's usual pool of four threads. */
async function fewThreads(cores = 1, cost = tenth) {
  const strong = { estimate: async () => ({ score: 4, warning: "" }) };
  const call = (addressKey: string) => ({ addressKey, clientAddress: "", method: "", requestId: "" });
  return { passwords: await createPasswords(strong, shareThreads(4, cores), cost), call };
}
