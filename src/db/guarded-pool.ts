import type { PostgresPool } from "kysely";
import pg from "pg";
import { type GuardDeps, type GuardedClient, guardClient, type OnQuery } from "./guarded-client.ts";
import type { StatementNames } from "./statement-names.ts";
import { statementScope } from "./statement-scope.ts";
import { createStuckCommits } from "./stuck-commits.ts";

const goodbyeMs = 1_000;

/**
 * Returns the pool as Kysely sees it. pg-pool alone would hand a connection out again whose last query timed out
 * unanswered, and every later query on it would wait behind that one.
 */
export function guardPool(pool: pg.Pool, names: StatementNames, onQuery: OnQuery): PostgresPool {
  const guarded = new WeakMap<pg.PoolClient, GuardedClient>();
  const open = new Set<pg.PoolClient>();
  const stuckCommits = createStuckCommits(pool.options, Math.ceil(pool.options.max / 2));
  let suspectBefore = 0;
  const deps: GuardDeps = {
    names,
    stuckCommits,
    onSuspicion(since) {
      suspectBefore = Math.max(suspectBefore, since);
    },
    onQuery,
  };

  pool.on("connect", (client) => {
    // Borrowed connections have no listener of the pool's; whoever waits on one is told by the query itself.
    client.on("error", () => undefined);
    open.add(client);
    guarded.set(client, guardClient(client, deps));
  });
  pool.on("remove", (client) => open.delete(client));

  async function checkOut(): Promise<GuardedClient> {
    const { primary } = statementScope();
    const startedAt = performance.now();
    for (;;) {
      const client = guarded.get(await pool.connect());
      if (!client) throw new Error("pg-pool handed out a connection that it never announced");
      // One connection went silent: those that have not answered since may lead to the same hole. A new one is the best
      // that there is, wherever it leads.
      const isNew = client.openedAt >= startedAt;
      if (client.answeredAt() >= suspectBefore && (isNew || (await leadsTo(client, primary?.()))))
        return client;
      client.release(true);
    }
  }

  return {
    Client: pg.Client,
    options: pool.options,
    async connect() {
      const { signal } = statementScope();
      signal?.throwIfAborted();
      const startedAt = performance.now();
      try {
        return await unlessAborted(checkOut(), signal);
      } catch (error) {
        onQuery(performance.now() - startedAt, false);
        throw error;
      }
    },
    async end() {
      stuckCommits.stop();
      await pool.end();
      // The pool has only begun to say goodbye. A peer that is gone never does, and its sockets would keep the process
      // alive.
      const timer = setTimeout(() => {
        for (const client of open) client.connection.stream.destroy();
      }, goodbyeMs);
      await Promise.all(
        [...open].map((client) => new Promise<void>((resolve) => client.once("end", resolve))),
      );
      clearTimeout(timer);
    },
  };
}

// The primary may be another one by now, and the old one still run: sessions that a load balancer keeps lead there.
async function leadsTo(client: GuardedClient, primary: string | undefined): Promise<boolean> {
  try {
    return primary === undefined || (await client.server()) === primary;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

// A caller that gives up waits no longer. Its place in the line stays, and gives back what it gets.
async function unlessAborted(
  checkedOut: Promise<GuardedClient>,
  signal: AbortSignal | undefined,
): Promise<GuardedClient> {
  if (!signal) return await checkedOut;
  const givenUp = Promise.withResolvers<never>();
  const onAbort = () => givenUp.reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([checkedOut, givenUp.promise]);
  } catch (error) {
    checkedOut.then((client) => client.release()).catch(() => undefined);
    throw error;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
