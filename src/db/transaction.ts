import {
  CompiledQuery,
  type ConnectionProvider,
  type DatabaseConnection,
  DummyDriver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  Transaction,
} from "kysely";
import type { Db, Tx } from "./connect.ts";
import { isAftermath } from "./errors.ts";
import type { Database } from "./schema.ts";

/**
 * Runs work in a transaction that does not wait where there is nothing to wait for: BEGIN travels with the first
 * statement, and statements that are started together (`together`) are sent together, in their order. Each statement has a
 * snapshot of its own, so it sees what the ones before it did. COMMIT is sent when the work is done, and ROLLBACK if it
 * failed.
 */
export function inTransaction<T>(db: Db, work: (tx: Tx) => Promise<T>): Promise<T> {
  const executor = db.getExecutor();
  return executor.provideConnection(async (connection) => {
    const begun = send(connection, "begin");
    const provider = createProvider(connection, begun);
    const tx = new Transaction<Database>({
      config: { dialect },
      dialect,
      driver: new DummyDriver(),
      executor: executor.withConnectionProvider(provider),
    });
    try {
      const result = await work(tx);
      await provider.close();
      await commit(connection);
      return result;
    } catch (error) {
      await provider.close();
      await send(connection, "rollback");
      throw error;
    }
  });
}

/**
 * Waits for statements that were started together, and returns their results. If some fail, throws the error of the first
 * one that did not merely follow another's failure. Nothing is under way any more when it throws.
 */
export async function together<T extends readonly unknown[] | []>(
  started: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(started);
  const errors = settled.flatMap((one) => (one.status === "rejected" ? [one.reason as unknown] : []));
  if (errors.length > 0) throw errors.find((error) => !isAftermath(error)) ?? errors[0];
  return settled.map((one) => (one.status === "fulfilled" ? one.value : undefined)) as {
    -readonly [K in keyof T]: Awaited<T[K]>;
  };
}

// The executor of the database compiles and sends. This dialect only completes the type: a transaction connects to nothing.
const dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db: Db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
};

// Kysely's own provider runs one statement at a time. Where BEGIN failed, nothing of what was sent behind it counts.
function createProvider(
  connection: DatabaseConnection,
  begun: Promise<unknown>,
): ConnectionProvider & { close(): Promise<void> } {
  const running = new Set<Promise<unknown>>([begun]);
  begun.catch(() => undefined);
  let closed = false;
  return {
    async provideConnection(consumer) {
      if (closed) throw new Error("the transaction is over");
      const result = consumer(connection);
      running.add(result);
      try {
        const [answer] = await Promise.all([result, begun]);
        return answer;
      } finally {
        running.delete(result);
      }
    },
    // What is under way must have ended before COMMIT or ROLLBACK, so that it is not cancelled in place of it.
    async close() {
      closed = true;
      await Promise.allSettled(running);
    },
  };
}

async function commit(connection: DatabaseConnection): Promise<void> {
  const { rows } = await send(connection, "commit");
  const [row] = rows as { command?: string }[];
  // Postgres answers so to the COMMIT of a transaction in which a statement failed.
  if (row?.command === "ROLLBACK")
    throw new Error("the transaction was rolled back: one of its statements failed");
}

function send(connection: DatabaseConnection, text: "begin" | "commit" | "rollback") {
  return connection.executeQuery(CompiledQuery.raw(text));
}
