import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { type Clients, issueKey, startBeside, type TestApp } from "../support/app.ts";
import { refusal } from "../support/errors.ts";
import { type Pair, startPair } from "../support/orphan/pair.ts";
import { type Switch, startSwitch } from "../support/orphan/switch.ts";
import { serverOf, writesToLoad } from "../support/orphan/writes.ts";
import { copySite } from "../support/server/data-directory.ts";

const unavailable = { code: "Unavailable", reason: "UNAVAILABLE", retry: true };
// One address makes one sign-up at a time, and each of them waits for its COMMIT. One that waits for 10 s is refused as busy.
const unavailableOrBusy = { reason: expect.stringMatching(/^(UNAVAILABLE|RATE_LIMITED)$/), retry: true };

// Without a response, a statement fails before a call that waits for its connection does.
const production = { queryTimeoutMs: 2_500 };

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("an instance between two servers in synchronous replication", () => {
  let pair: Pair;
  let way: Switch;
  let lookupsWay: Switch;
  let app: TestApp;
  let owner: Clients;
  const ends: (() => Promise<void>)[] = [];

  beforeAll(async () => {
    pair = await startPair(copySite);
    ends.unshift(async () => pair[Symbol.asyncDispose]());
    [way, lookupsWay] = [await startSwitch(pair.primary.url), await startSwitch(pair.primary.url)];
    for (const one of [way, lookupsWay]) ends.unshift(async () => one[Symbol.asyncDispose]());
    const { platformToken } = pair;
    const started = await startBeside(
      { databaseUrl: way.url, platformToken },
      {},
      { lookupsUrl: lookupsWay.url, ...production },
    );
    app = started.app;
    ends.unshift(started.end);
    owner = await app.newAccount();
  });
  afterAll(async () => {
    for (const end of ends) await end();
  });

  const verify = (token: string) => app.clientAs(app.platformToken).tokens.verifyToken({ token });

  async function backends(condition = "true"): Promise<number[]> {
    const rows = await pair.primary.query<{ pid: number }>(
      `select pid from pg_stat_activity where application_name = 'latchkey' and ${condition}`,
    );
    return rows.map(({ pid }) => pid);
  }

  test("while the standby is stopped, verification and changes are unavailable, few backends wait, and a commit whose wait was cancelled has failed", async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, () => issueKey(owner)));
    const [key] = keys;
    if (!key) throw new Error("no key was issued");
    expect(await verify(key.token)).toMatchObject({ valid: true });
    pair.standby.signal("SIGSTOP");
    try {
      const refused = keys.map(({ id }) => refusal(owner.apiKeys.revokeApiKey({ id })));
      const stuck = "query = 'commit' and wait_event = 'SyncRep'";
      await vi.waitFor(async () => expect(await backends(stuck)).not.toEqual([]), { timeout: 20_000 });
      // An operator might do this.
      for (const pid of await backends(stuck)) {
        await pair.primary.query("select pg_cancel_backend($1)", [pid]);
      }
      for (const one of await Promise.all(refused)) expect(one).toMatchObject(unavailable);

      await vi.waitFor(async () => expect(await refusal(verify(key.token))).toMatchObject(unavailable), {
        timeout: 20_000,
      });
      for (let wave = 0; wave < 2; wave++) {
        // A sign-up has no bearer, so it reaches its COMMIT although no bearer can be verified.
        const changes = Array.from({ length: 12 }, () => refusal(app.newAccount()));
        for (const one of await Promise.all(changes)) {
          expect(one).toMatchObject(unavailableOrBusy);
        }
      }
      // At most half as many as the pool has connections, and the commits that had begun before.
      expect((await backends(stuck)).length).toBeLessThan(5 + 10);
    } finally {
      pair.standby.signal("SIGCONT");
    }
    await vi.waitFor(() => issueKey(owner), { timeout: 20_000, interval: 100 });
    for (const { id, token } of keys) {
      await owner.apiKeys.revokeApiKey({ id });
      expect(await verify(token)).toMatchObject({ valid: false });
    }
  });

  test("a load writes to prove that its server is the primary, unless that server is known to be the primary", async () => {
    expect(await writesToLoad(app.pool, undefined)).toBe(true);
    expect(await writesToLoad(app.pool, "another one")).toBe(true);
    expect(await writesToLoad(app.pool, await serverOf(app.pool))).toBe(false);
  });

  test("a listening URL that leads to a standby is reported once in log and health, with the remedy, and every verification queries the primary", async () => {
    const { token } = await issueKey(owner);
    const one = { databaseUrl: pair.primary.url, platformToken: pair.platformToken };
    // The start waits 2 s for the feed. In this time, the instance tries to listen more than once.
    const { app: other, end } = await startBeside(one, {}, { listenUrl: pair.standby.url, ...production });
    try {
      const clients = other.clientAs(other.platformToken);
      expect(await clients.tokens.verifyToken({ token })).toMatchObject({ valid: true });
      expect(await other.statementsOf(() => clients.tokens.verifyToken({ token }))).not.toEqual([]);
      expect(other.app.health.get("latchkey.v1.ChangeFeed")).toBe(false);
      const reported = other.logLines.map((line) => JSON.parse(line)).filter(({ level }) => level >= 40);
      expect(reported.map(({ msg }) => msg)).toEqual([
        expect.stringMatching(/^LATCHKEY_DATABASE_LISTEN_URL leads to a standby.*or unset it$/),
      ]);
      expect(app.app.health.get("latchkey.v1.ChangeFeed")).toBe(true);
    } finally {
      await end();
    }
  });

  test("a key that the new primary has is not reported as missing through the old primary", async () => {
    await pair.promote();
    lookupsWay.leadTo(pair.standby.url);
    lookupsWay.cut();
    const elsewhere = await startBeside({
      ...app,
      databaseUrl: pair.standby.url,
      platformToken: pair.platformToken,
    });
    ends.unshift(elsewhere.end);
    const { id } = await issueKey(elsewhere.app.clientAs(owner.token));
    // The look-ups of the instance now lead to the new primary. Only its other statements lead to the old one.
    await app.app.ready();
    expect(await refusal(owner.apiKeys.getApiKey({ id }))).toMatchObject(unavailable);
    expect(await refusal(owner.apiKeys.revokeApiKey({ id }))).toMatchObject(unavailable);
    way.leadTo(pair.standby.url);
    expect(await owner.apiKeys.getApiKey({ id })).toMatchObject({ apiKey: { metadata: { id } } });
    await owner.apiKeys.revokeApiKey({ id });
  });
});
