import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { VerdictSchema } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { leaseMs } from "../../../src/verify/coherence/lease.ts";
import { issueKey, startApp, startBeside, type TestApp } from "../../support/app.ts";
import { testLeaseMs } from "../../support/cheap.ts";
import { type VerifyRequest, verdictChanges } from "../../support/coherence/verdict-changes.ts";
import { long } from "../../support/long.ts";
import { sampled } from "../../support/random.ts";

// Two instances of one database.
let one: TestApp;
let other: TestApp;

async function verdictAt(app: TestApp, request: VerifyRequest): Promise<string> {
  const { verdict } = await app.clientAs(one.platformToken).tokens.verifyToken(request);
  return VerdictSchema.value[verdict]?.localName ?? "";
}

/** Returns the verdict of an instance from its cache. Waits until a verification costs no statement. */
async function cachedVerdict(app: TestApp, request: VerifyRequest): Promise<string> {
  await verdictAt(app, request);
  let verdict = "";
  // An instance without a lease asks the database until the next heartbeat.
  const statements = () =>
    app.statementsOf(async () => {
      verdict = await verdictAt(app, request);
    });
  await expect.poll(statements).toEqual([]);
  return verdict;
}

async function bothInvalid(app: TestApp, token: string): Promise<void> {
  for (let i = 0; i < 2; i++) expect(await verdictAt(app, { token })).toBe("INVALID");
}

const changes = Object.keys(verdictChanges);

describe.each([
  ["the tests' lease", testLeaseMs, changes, long ? 30 : 10],
  ["the production lease", leaseMs, sampled(changes, 4), long ? 30 : 4],
] as const)("with %s", (_, lease, someChanges, rounds) => {
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    const first = await startApp({}, { leaseMs: lease });
    const second = await startBeside(first.app, {}, { leaseMs: lease });
    ends.push(second.end, first.end);
    one = first.app;
    other = second.app;
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });

  test("no verification that begins after RevokeApiKey returned accepts the key, at any instance", async () => {
    const owner = await one.newAccount();
    for (let round = 0; round < rounds; round++) {
      const { id, token } = await issueKey(owner);
      for (const app of [one, other]) expect(await cachedVerdict(app, { token })).toBe("VALID");
      const by = round % 2 === 0 ? owner : other.clientAs(owner.token);
      await by.apiKeys.revokeApiKey({ id });
      for (const app of [one, other]) expect(await verdictAt(app, { token })).toBe("REVOKED");
    }
  });

  describe("a change through one instance is effective at the other when the call returns", () => {
    test.each(someChanges)("%s", async (name) => {
      const owner = await one.newAccount();
      const change = await verdictChanges[name]?.(owner, one);
      if (!change) throw new Error(`no change ${name}`);
      expect(await cachedVerdict(other, change.request)).toBe(change.before ?? "VALID");
      await change.change();
      expect(await verdictAt(other, change.request)).toBe(change.after);
    });
  });

  test("a repeat that finds nothing to change returns when the change is effective everywhere", async () => {
    const owner = await one.newAccount();
    const elsewhere = other.clientAs(owner.token);
    for (let round = 0; round < rounds; round++) {
      const lot = `${round}`;
      const { id, token } = await issueKey(owner, { metadata: { name: "twice", labels: { lot } } });
      expect(await cachedVerdict(one, { token })).toBe("VALID");
      const filter = { labels: `lot=${lot}` };
      const both =
        round % 2 === 0
          ? [owner.apiKeys.revokeApiKey({ id }), elsewhere.apiKeys.revokeApiKey({ id })]
          : [owner.apiKeys.revokeApiKeys({ filter }), elsewhere.apiKeys.revokeApiKeys({ filter })];
      // The second call changed nothing.
      await Promise.any(both);
      expect(await verdictAt(one, { token })).toBe("REVOKED");
      await Promise.all(both);
    }
  });

  test("a fresh request costs one statement, and a cached one costs none", async () => {
    const owner = await one.newAccount();
    const { token } = await issueKey(owner);
    expect(await cachedVerdict(one, { token })).toBe("VALID");
    const statements = () => one.statementsOf(() => verdictAt(one, { token, fresh: true }));
    await expect.poll(statements).toHaveLength(1);
  });

  test("unknown tokens are looked up again for each request, and are not cached", async () => {
    const owner = await one.newAccount();
    const { id, token } = await issueKey(owner);
    await one.db.deleteFrom("api_key_token").where("api_key_id", "=", id).execute();
    const statements = async () => (await one.statementsOf(() => bothInvalid(one, token))).length;
    await expect.poll(statements).toBeLessThanOrEqual(2);
  });
});
