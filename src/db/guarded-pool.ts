import type { PostgresPool } from "kysely";
import pg from "pg";
import { isShortOfResources, isUnavailable } from "./errors.ts";
import { type GuardDeps, type GuardedClient, guardClient } from "./guarded-client.ts";
import type { OnQuery } from "./observed-connection.ts";
import type { StatementNames } from "./statement-names.ts";
import { statementScope } from "./statement-scope.ts";
import { createStuckCommits } from "./stuck-commits.ts";
import type { Turn } from "./turn-shares.ts";
import type { Turns } from "./turns.ts";

const closeGraceMs = 1_000;
const backgroundTurn: Turn = {
  kind: "background",
  subjects: ["background"],
  caller: "background",
  limited: false,
};

/** What a pool depends on. */
export interface GuardedPoolDeps {
  names: StatementNames;
  /** Decides which work gets the next connection. Unset: work gets connections in the order of arrival. */
  turns?: Turns | undefined;
  onQuery: OnQuery;
}

/**
 * Returns the pool that Kysely uses. pg-pool alone would reuse a connection whose last query timed out without a response.
 * Every later query on that connection would wait behind the first one.
 */
export function guardPool(pool: pg.Pool, { names, turns, onQuery }: GuardedPoolDeps): PostgresPool {
  const endsOfTurns = endTurnsOnRelease(pool);
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
    // pg-pool has no listener on a connection that is in use. The query itself reports the error to its caller.
    client.on("error", () => undefined);
    open.add(client);
    guarded.set(client, guardClient(client, deps));
  });
  pool.on("remove", (client) => open.delete(client));

  // The turn lasts until the connection is released, even if the caller has given up.
  async function checkOut(endTurn: () => void): Promise<GuardedClient> {
    try {
      const { client, guardedClient } = await checkOutAny(pool, guarded, () => suspectBefore);
      endsOfTurns.set(client, endTurn);
      return guardedClient;
    } catch (error) {
      // If the database is unreachable, every turn that waits would wait as long as this one did.
      if (isAway(error)) turns?.refuseAll(error);
      endTurn();
      throw error;
    }
  }

  return {
    Client: pg.Client,
    options: pool.options,
    async connect() {
      const { signal, turn = backgroundTurn } = statementScope();
      signal?.throwIfAborted();
      const endTurn = (await turns?.enter(turn, signal)) ?? (() => undefined);
      const startedAt = performance.now();
      try {
        return await unlessAborted(checkOut(endTurn), signal);
      } catch (error) {
        onQuery(performance.now() - startedAt, false);
        throw error;
      }
    },
    async end() {
      stuckCommits.stop();
      await pool.end();
      await allClosed(open);
    },
  };
}

async function checkOutAny(
  pool: pg.Pool,
  guarded: WeakMap<pg.PoolClient, GuardedClient>,
  suspectBefore: () => number,
) {
  const { primary } = statementScope();
  const startedAt = performance.now();
  for (;;) {
    const taken = await pool.connect();
    const client = guarded.get(taken);
    if (!client) throw new Error("pg-pool handed out a connection that it never announced");
    // After one connection got no response in time, every connection without a later response is suspect, because it may
    // lead to the same dead server. A new connection is used wherever it leads, because there is no better one.
    const isNew = client.openedAt >= startedAt;
    if (client.answeredAt() >= suspectBefore() && (isNew || (await leadsTo(client, primary?.()))))
      return { client: taken, guardedClient: client };
    client.release(true);
  }
}

// pg-pool only sends the termination messages. A dead server never closes its side, and its sockets would keep the process
// alive.
async function allClosed(open: ReadonlySet<pg.PoolClient>): Promise<void> {
  const timer = setTimeout(() => {
    for (const client of open) client.connection.stream.destroy();
  }, closeGraceMs);
  await Promise.all([...open].map((client) => new Promise<void>((resolve) => client.once("end", resolve))));
  clearTimeout(timer);
}

// Returns the functions that end turns, by the connections in use. Each function runs when its connection is released.
function endTurnsOnRelease(pool: pg.Pool): WeakMap<pg.PoolClient, () => void> {
  const ends = new WeakMap<pg.PoolClient, () => void>();
  pool.on("release", (_error, client) => {
    ends.get(client)?.();
    ends.delete(client);
  });
  return ends;
}

// After a failover, the old primary may still run, and sessions through a load balancer may still lead to it.
async function leadsTo(client: GuardedClient, primary: string | undefined): Promise<boolean> {
  try {
    return primary === undefined || (await client.server()) === primary;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

// If the server has too few resources for another connection, the existing connections still work.
function isAway(error: unknown): boolean {
  return isUnavailable(error) && !isShortOfResources(error);
}

// Rejects when the caller gives up. The request for a connection stays in the queue of pg-pool, and its connection is
// released as soon as it arrives.
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
