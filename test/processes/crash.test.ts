import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { type Clients, issueKey } from "../support/app.ts";
import { long } from "../support/long.ts";
import { query } from "../support/server/embedded-process.ts";
import { createSite, embeddedUrl, type Served, type Site } from "../support/server/serve.ts";

interface Known {
  id: string;
  token: string;
}
/** A key in the database after the crash. */
interface Row {
  id: string;
  revoked: boolean;
  tokens: number;
  current: number;
  created: number;
  rotations: number;
  revocations: number;
}

const count = long
  ? { issues: 200, rotations: 150, revocations: 150 }
  : { issues: 80, rotations: 60, revocations: 60 };
const concurrent = count.issues + count.rotations + count.revocations;
const killAfter = concurrent / 5;
const spending = { credits: 1_000_000, callers: 40, killAfter: 150 };
const url = () => embeddedUrl(site.dataDir);

let site: Site;
/** The server after the last crash. */
let again: Served;
beforeAll(() => {
  site = createSite();
});
afterAll(() => site.clear());

test(`after kill -9 during ${concurrent} concurrent calls, every change with a response is stored, and no change is partial`, async () => {
  const server = await site.serve();
  const owner = await signUpAt(server.url);
  const { account } = await owner.accounts.getAccount({});
  // A server accepts 100 concurrent calls on one connection.
  const owners = Array.from({ length: 5 }, () => clientsAt(server.url, owner.token));
  const toRotate = await issueMany(owner, count.rotations);
  const toRevoke = await issueMany(owner, count.revocations);

  let responses = 0;
  const calls: Promise<unknown>[] = [];
  const [issued, rotated, revoked]: [Known[], Rotated[], Known[]] = [[], [], []];
  function begin<T>(call: Promise<T>, into: T[]): void {
    const recorded = call.then((response) => {
      into.push(response);
      responses += 1;
      if (responses === killAfter) void server.stop("SIGKILL");
    });
    calls.push(recorded);
  }
  for (let i = 0; i < count.issues; i++) {
    const client = owners[i % owners.length] ?? owner;
    const [rotating, revoking] = [toRotate[i], toRevoke[i]];
    begin(issueKey(client), issued);
    if (rotating) begin(rotate(client, rotating), rotated);
    if (revoking) begin(revoke(client, revoking), revoked);
  }
  await Promise.allSettled(calls);
  // On a slow machine, fewer calls than `killAfter` may have a response.
  void server.stop("SIGKILL");
  expect((await server.ended).signal).toBe("SIGKILL");
  expect(calls.length).toBe(concurrent);
  expect(responses).toBeLessThan(0.8 * concurrent);
  for (const kind of [issued, rotated, revoked]) expect(kind.length).toBeGreaterThan(0);

  again = await site.serve();
  const verdicts = await verify(clientsAt(again.url, site.token("platform-key")), [
    ...[...issued, ...rotated].map((key) => [key.token, Verdict.VALID] as const),
    ...rotated.map((key) => [key.before, Verdict.REVOKED] as const),
    ...revoked.map((key) => [key.token, Verdict.REVOKED] as const),
  ]);
  expect(verdicts).toBe("as expected");

  const rows = await keysOf(account?.metadata?.id ?? "");
  const row = (key: Known) => rows.get(key.id);
  for (const key of issued) expect(row(key)).toMatchObject({ created: 1, tokens: 1 });
  for (const key of rotated) expect(row(key)).toMatchObject({ rotations: 1, tokens: 2 });
  for (const key of revoked) expect(row(key)).toMatchObject({ revoked: true, revocations: 1 });
  expect(rows.size).toBeGreaterThanOrEqual(count.rotations + count.revocations + issued.length);
  for (const key of rows.values()) {
    const complete = { created: 1, current: 1, tokens: 1 + key.rotations, revocations: key.revoked ? 1 : 0 };
    expect(key).toMatchObject(complete);
  }
  expect(await query(url(), orphans)).toEqual([]);
});

interface Rotated extends Known {
  before: string;
}

async function rotate(owner: Clients, { id, token }: Known): Promise<Rotated> {
  const { apiKey } = await owner.apiKeys.rotateApiKey({ id });
  return { id, before: token, token: apiKey?.spec?.token ?? "" };
}

async function revoke(owner: Clients, key: Known): Promise<Known> {
  await owner.apiKeys.revokeApiKey({ id: key.id });
  return key;
}

/** Issues keys, ten at a time. On a slow database, the server would refuse calls that wait too long. */
async function issueMany(owner: Clients, n: number): Promise<Known[]> {
  const keys: Known[] = [];
  while (keys.length < n)
    keys.push(...(await Promise.all(Array.from({ length: 10 }, () => issueKey(owner)))));
  return keys;
}

/** Returns "as expected", or the list of tokens with an unexpected verdict. */
async function verify(
  platform: Clients,
  expected: (readonly [token: string, verdict: Verdict])[],
): Promise<string> {
  const wrong: string[] = [];
  for (let i = 0; i < expected.length; i += 100) {
    const batch = expected.slice(i, i + 100);
    const { responses } = await platform.tokens.batchVerifyTokens({
      requests: batch.map(([token]) => ({ token })),
    });
    for (const [n, [, verdict]] of batch.entries()) {
      const found = responses[n]?.verdict;
      if (found !== verdict) wrong.push(`${i + n}: ${found} instead of ${verdict}`);
    }
  }
  return wrong.join(", ") || "as expected";
}

async function keysOf(accountId: string): Promise<Map<string, Row>> {
  const event = (method: string) =>
    `(select count(*)::int from audit_event e where e.resource_id = k.id and e.method like '%/${method}')`;
  const rows = (await query(
    url(),
    `select k.id, k.revoked_at is not null as revoked,
      (select count(*)::int from api_key_token t where t.api_key_id = k.id) as tokens,
      (select count(*)::int from api_key_token t where t.api_key_id = k.id and t.ends_at is null) as current,
      ${event("CreateApiKey")} as created, ${event("RotateApiKey")} as rotations, ${event("RevokeApiKey")} as revocations
    from api_key k where not k.system and k.account_id = '${accountId}'`,
  )) as Row[];
  return new Map(rows.map((key) => [key.id, key]));
}

// Finds profiles without a key, and events about keys that do not exist.
const orphans = `
  select p.id from profile p where p.type = 'api_key' and not exists (select from api_key k where k.profile_id = p.id)
  union all
  select e.id from audit_event e
  where e.resource_type = 'api_key' and not exists (select from api_key k where k.id = e.resource_id)`;

test("a crash of the database and one of the server give no credit back, even with asynchronous commits", async () => {
  const server = again;
  const owner = await signUpAt(server.url, "credit@example.com");
  const { id: keyId, token } = await issueKey(owner);
  const accountId = (await owner.accounts.getAccount({})).account?.metadata?.id ?? "";
  const platform = clientsAt(server.url, site.token("platform-key"));
  await platform.accounts.setCredits({ accountId, keyId, credits: { remaining: spending.credits } });
  await commitAsynchronously();
  const ready = () => platform.tokens.verifyToken({ token: owner.token });
  const untilReady = () =>
    vi.waitFor(async () => expect((await ready()).valid).toBe(true), { timeout: 20_000, interval: 50 });
  await untilReady();
  const [checkpointer] = (await query(
    url(),
    "select pid from pg_stat_activity where backend_type = 'checkpointer'",
  )) as { pid: number }[];
  if (!checkpointer) throw new Error("Postgres has no checkpointer");

  // Postgres restarts all of its processes when one is killed, and recovers what was committed.
  const beforeCrash = await spend(platform, token, () => process.kill(checkpointer.pid, "SIGKILL"));
  await untilReady();

  const beforeKill = await spend(platform, token, () => server.stop("SIGKILL"));
  expect((await server.ended).signal).toBe("SIGKILL");

  again = await site.serve();
  const [row] = (await query(url(), `select remaining from credit where id = '${keyId}'`)) as {
    remaining: string;
  }[];
  const taken = spending.credits - Number(row?.remaining);
  const accepted = beforeCrash.accepted + beforeKill.accepted;
  expect(accepted).toBeGreaterThanOrEqual(2 * spending.killAfter);
  expect(taken).toBeGreaterThanOrEqual(accepted);
  expect(taken).toBeLessThanOrEqual(accepted + beforeCrash.failed + beforeKill.failed);
});

test("a server whose log reader has ended serves on", async () => {
  again.loseReaders();
  const verifier = clientsAt(again.url, site.token("verifier-key"));
  for (let n = 0; n < 20; n++)
    expect(await verifier.tokens.verifyToken({ token: "x" })).toMatchObject({ valid: false });
  expect((await again.stop()).code).toBe(0);
});

/**
 * Lets all callers verify. `kill` runs once so many calls were accepted. After that, each caller stops when a call fails, or
 * after 3 s if the server was able to wait for the database. A call that fails may have taken its credit.
 */
async function spend({ tokens }: Clients, token: string, kill: () => unknown) {
  const spent = { accepted: 0, failed: 0 };
  let stopAt = Number.POSITIVE_INFINITY;
  async function call(): Promise<void> {
    for (;;) {
      const response = await tokens.verifyToken({ token }).catch(() => undefined);
      const isAccepted = response?.verdict === Verdict.VALID;
      spent[isAccepted ? "accepted" : "failed"] += 1;
      const killed = stopAt < Number.POSITIVE_INFINITY;
      if (killed && (!isAccepted || performance.now() > stopAt)) return;
      if (killed || spent.accepted < spending.killAfter) continue;
      stopAt = performance.now() + 3_000;
      void kill();
    }
  }
  await Promise.all(Array.from({ length: spending.callers }, call));
  return spent;
}

// New sessions then do not wait for their commits. All others are ended. A crash loses what was committed since the last flush.
async function commitAsynchronously(): Promise<void> {
  await query(url(), "alter system set wal_writer_delay = '10s'");
  await query(url(), "select pg_reload_conf()");
  await query(url(), `alter database ${new URL(url()).pathname.slice(1)} set synchronous_commit = off`);
  const others = "application_name = 'latchkey' and pid <> pg_backend_pid()";
  await query(url(), `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
}
