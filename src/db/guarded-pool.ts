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

const goodbyeMs = 1_000;
const inTheBackground: Turn = {
  kind: "background",
  subjects: ["background"],
  caller: "background",
  limited: false,
};

/** What a pool depends on. */
export interface GuardedPoolDeps {
  names: StatementNames;
  /** Decides who gets the next connection. Unset: the first to come. */
  turns?: Turns | undefined;
  onQuery: OnQuery;
}

/**
 * Returns the pool as Kysely sees it. pg-pool alone would hand a connection out again whose last query timed out
 * unanswered, and every later query on it would wait behind that one.
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
    // Borrowed connections have no listener of the pool's; whoever waits on one is told by the query itself.
    client.on("error", () => undefined);
    open.add(client);
    guarded.set(client, guardClient(client, deps));
  });
  pool.on("remove", (client) => open.delete(client));

  // Keeps the turn until the connection is given back, also for a caller that has given up meanwhile.
  async function checkOut(endTurn: () => void): Promise<GuardedClient> {
    try {
      const { client, guardedClient } = await checkOutAny();
      endsOfTurns.set(client, endTurn);
      return guardedClient;
    } catch (error) {
      // What waits behind a database that cannot be reached would wait as long as this did.
      if (isAway(error)) turns?.refuseAll(error);
      endTurn();
      throw error;
    }
  }

  async function checkOutAny() {
    const { primary } = statementScope();
    const startedAt = performance.now();
    for (;;) {
      const taken = await pool.connect();
      const client = guarded.get(taken);
      if (!client) throw new Error("pg-pool handed out a connection that it never announced");
      // One connection went silent: those that have not answered since may lead to the same hole. A new one is the best
      // that there is, wherever it leads.
      const isNew = client.openedAt >= startedAt;
      if (client.answeredAt() >= suspectBefore && (isNew || (await leadsTo(client, primary?.()))))
        return { client: taken, guardedClient: client };
      client.release(true);
    }
  }

  return {
    Client: pg.Client,
    options: pool.options,
    async connect() {
      const { signal, turn = inTheBackground } = statementScope();
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

// The pool has only begun to say goodbye. A peer that is gone never does, and its sockets would keep the process alive.
async function allClosed(open: ReadonlySet<pg.PoolClient>): Promise<void> {
  const timer = setTimeout(() => {
    for (const client of open) client.connection.stream.destroy();
  }, goodbyeMs);
  await Promise.all([...open].map((client) => new Promise<void>((resolve) => client.once("end", resolve))));
  clearTimeout(timer);
}

// By the connections that are in use: each ends its turn when it is given back.
function endTurnsOnRelease(pool: pg.Pool): WeakMap<pg.PoolClient, () => void> {
  const ends = new WeakMap<pg.PoolClient, () => void>();
  pool.on("release", (_error, client) => {
    ends.get(client)?.();
    ends.delete(client);
  });
  return ends;
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

// Too few resources for one more connection: those that are there still work.
function isAway(error: unknown): boolean {
  return isUnavailable(error) && !isShortOfResources(error);
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
