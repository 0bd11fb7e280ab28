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

/** Lets all callers verify until each of them fails. `onAccepted` gets the number that was accepted so far. */
async function spend({ tokens }: Clients, token: string, onAccepted = (_accepted: number) => {}) {
  let accepted = 0;
  async function call(): Promise<void> {
    for (;;) {
      const response = await tokens.verifyToken({ token }).catch(() => undefined);
      if (response?.verdict !== Verdict.VALID) return;
      accepted += 1;
      onAccepted(accepted);
    }
  }
  await Promise.all(Array.from({ length: callers }, call));
  return accepted;
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
  const beforeCrash = await spend(platform, token, (accepted) => {
    if (accepted === killAfter) process.kill(checkpointer.pid, "SIGKILL");
  });
  await untilReady();

  const beforeKill = await spend(platform, token, (accepted) => {
    if (accepted === killAfter) void server.stop("SIGKILL");
  });
  expect((await server.ended).signal).toBe("SIGKILL");

  await site.serve();
  const [row] = (await query(url, `select remaining from credit where id = '${keyId}'`)) as {
    remaining: string;
  }[];
  const taken = credits - Number(row?.remaining);
  const accepted = beforeCrash + beforeKill;
  expect(accepted).toBeGreaterThanOrEqual(2 * killAfter);
  expect(taken).toBeGreaterThanOrEqual(accepted);
  // Each crash takes at most the credits of the calls that were under way.
  expect(taken).toBeLessThanOrEqual(accepted + 2 * callers);
});

// New sessions then do not wait for their commits. All others are ended. A crash loses what was committed since the last flush.
async function commitAsynchronously(url: string): Promise<void> {
  await query(url, "alter system set wal_writer_delay = '10s'");
  await query(url, "select pg_reload_conf()");
  await query(url, `alter database ${new URL(url).pathname.slice(1)} set synchronous_commit = off`);
  const others = "application_name = 'latchkey' and pid <> pg_backend_pid()";
  await query(url, `select pg_terminate_backend(pid) from pg_stat_activity where ${others}`);
}
