import type { PostgresPool, PostgresPoolClient } from "kysely";
import pg from "pg";
import { isStalePlan } from "./errors.ts";
import type { StatementNames } from "./statement-names.ts";

const goodbyeMs = 1_000;

/** Told of each statement, and of each time that no connection could be had: duration in milliseconds, success. */
export type OnQuery = (ms: number, ok: boolean) => void;

/** A connection that knows when it last showed that its server is there. */
interface GuardedClient extends PostgresPoolClient {
  answeredAt(): number;
}

/**
 * Returns the pool as Kysely sees it. pg-pool alone would hand a connection out again whose last query timed out
 * unanswered, and every later query on it would wait behind that one.
 */
export function guardPool(pool: pg.Pool, names: StatementNames, onQuery: OnQuery): PostgresPool {
  const guarded = new WeakMap<pg.PoolClient, GuardedClient>();
  const open = new Set<pg.PoolClient>();
  let suspectBefore = 0;

  pool.on("connect", (client) => {
    // Borrowed connections have no listener of the pool's; whoever waits on one is told by the query itself.
    client.on("error", () => undefined);
    open.add(client);
    const onSilence = (sentAt: number) => {
      suspectBefore = Math.max(suspectBefore, sentAt);
    };
    guarded.set(client, guardClient(client, names, onSilence, onQuery));
  });
  pool.on("remove", (client) => open.delete(client));

  return {
    Client: pg.Client,
    options: pool.options,
    async connect() {
      const startedAt = performance.now();
      try {
        for (;;) {
          const client = guarded.get(await pool.connect());
          if (!client) throw new Error("pg-pool handed out a connection that it never announced");
          // One connection went silent: those that have not answered since may lead to the same hole.
          if (client.answeredAt() >= suspectBefore) return client;
          client.release(true);
        }
      } catch (error) {
        onQuery(performance.now() - startedAt, false);
        throw error;
      }
    },
    async end() {
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

function guardClient(
  client: pg.PoolClient,
  names: StatementNames,
  onSilence: (sentAt: number) => void,
  onQuery: OnQuery,
): GuardedClient {
  let answeredAt = performance.now();
  let abandoned = false;
  let generation = 0;

  async function send(text: string, parameters: readonly unknown[]) {
    const name = names(text, parameters);
    const values = [...parameters];
    return await client.query(
      name === undefined ? { text, values } : { name: `${name}_${generation}`, text, values },
    );
  }

  async function query(text: string, parameters: readonly unknown[]) {
    if (abandoned) throw new Error("Connection was abandoned after a query timed out");
    const sentAt = performance.now();
    const inTransaction = client.getTransactionStatus() !== "I";
    try {
      const result = await send(text, parameters).catch((error: unknown) => {
        if (!isStalePlan(error)) throw error;
        // A migration changed the table under prepared statements. Nothing ran yet: prepare them all afresh.
        generation += 1;
        if (inTransaction) throw error;
        return send(text, parameters);
      });
      answeredAt = performance.now();
      onQuery(answeredAt - sentAt, true);
      return result;
    } catch (error) {
      if (error instanceof Error && error.message === "Query read timeout") {
        abandoned = true;
        onSilence(sentAt);
      } else {
        answeredAt = performance.now();
      }
      onQuery(performance.now() - sentAt, false);
      throw error;
    }
  }

  return {
    // Kysely's type also has cursors, which it only sends where a cursor class was configured.
    query: query as unknown as PostgresPoolClient["query"],
    get processID() {
      const id: unknown = Reflect.get(client, "processID");
      return typeof id === "number" ? id : undefined;
    },
    release: (destroy) => client.release(destroy === true || abandoned),
    answeredAt: () => answeredAt,
  };
}
