import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import { clientsAt, signUpAt } from "../support/actors/remote.ts";
import { type Clients, issueKey } from "../support/app.ts";
import { query } from "../support/server/embedded-process.ts";
import { createSite, embeddedUrl, type Site } from "../support/server/serve.ts";

const credits = 1_000_000;
const callers = 40;
const killAfter = 150;

let site: Site;
beforeAll(() => {
  site = createSite();
});
afterAll(() => site.clear());

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
      if (killed || spent.accepted < killAfter) continue;
      stopAt = performance.now() + 3_000;
      void kill();
    }
  }
  await Promise.all(Array.from({ length: callers }, call));
  return spent;
}

test("a crash of the database and one of the server give no credit back, even with asynchronous commits", async () => {
  const server = await site.serve();
  const owner = await signUpAt(server.url);
  const { id: keyId, token } = await issueKey(owner);
  const accountId = (await owner.accounts.getAccount({})).account?.metadata?.id ?? "";
  const url = embeddedUrl(site.dataDir);
  const platformAt = (base: string) => clientsAt(base, site.token("platform-key"));
  const platform = platformAt(server.url);
  await platform.accounts.setCredits({ accountId, keyId, credits: { remaining: credits } });
  await commitAsynchronously(url);
  const ready = () => platform.tokens.verifyToken({ token: owner.token });
  const untilReady = () =>
    vi.waitFor(async () => expect((await ready()).valid).toBe(true), { timeout: 20_000, interval: 50 });
  await untilReady();
  const [checkpointer] = (await query(
    url,
    "select pid from pg_stat_activity where backend_type = 'checkpointer'",
  )) as { pid: number }[];
  if (!checkpointer) throw new Error("Postgres has no checkpointer");

  // Postgres restarts all of its processes when one is killed, and recovers what was committed.
  const beforeCrash = await spend(platform, token, () => process.kill(checkpointer.pid, "SIGKILL"));
  await untilReady();

  const beforeKill = await spend(platform, token, () => server.stop("SIGKILL"));
  expect((await server.ended).signal).toBe("SIGKILL");

  await site.serve();
  const [row] = (await query(url, `select remaining from credit where id = '${keyId}'`)) as {
    remaining: string;
  }[];
  const taken = credits - Number(row?.remaining);
  const accepted = beforeCrash.accepted + beforeKill.accepted;
  expect(accepted).toBeGreaterThanOrEqual(2 * killAfter);
  expect(taken).toBeGreaterThanOrEqual(accepted);
  expect(taken).toBeLessThanOrEqual(accepted + beforeCrash.failed + beforeKill.failed);
});

// New sessions then do not wait for their commits. All others are ended. A crash loses what was committed since the last flush.
async function commitAsynchronously(url: string): Promise<void> {
  await query(url, "alter system set wal_writer_delay = '10s'");
  await query(url, "select pg_reload_conf()");
  await query(url, `alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`);
  const others = "application_name = 'latchkey' and pid <> pg_backend_pid()";
  await query(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
}
