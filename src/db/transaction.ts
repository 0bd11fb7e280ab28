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
import type { Database } from "./schema.ts";
import { statementScope, withStatements } from "./statement-scope.ts";

/**
 * Runs work in a transaction that does not wait where there is nothing to wait for. BEGIN travels with the first statement,
 * and statements that are started together are sent together, in their order. Each statement has a snapshot of its own, so
 * it sees what the ones before it did. If the work succeeds, the statement of `last` travels with COMMIT: the result is what it
 * returns. If the work fails, the transaction is rolled back. `sent` counts the statements so far.
 */
export function inTransaction<T, R>(
  db: Db,
  work: (tx: Tx, sent: () => number) => Promise<T>,
  last: (tx: Tx, result: T) => Promise<R>,
): Promise<R> {
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
      const result = await work(tx, provider.sent);
      await provider.settle();
      statementScope().signal?.throwIfAborted();
      // Nothing cancels what is sent with COMMIT: it could hit COMMIT instead.
      const committed = withStatements({}, () => commit(connection, last(tx, result)));
      provider.close();
      return await committed;
    } catch (error) {
      provider.close();
      await provider.settle();
      await send(connection, "rollback");
      throw error;
    }
  });
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
): ConnectionProvider & { sent(): number; close(): void; settle(): Promise<void> } {
  const running = new Set<Promise<unknown>>([begun]);
  begun.catch(() => undefined);
  let sent = 0;
  let closed = false;
  return {
    sent: () => sent,
    async provideConnection(consumer) {
      if (closed) throw new Error("the transaction is over");
      sent += 1;
      const result = consumer(connection);
      running.add(result);
      try {
        const [answer] = await Promise.all([result, begun]);
        return answer;
      } finally {
        running.delete(result);
      }
    },
    close() {
      closed = true;
    },
    // What is under way must have ended before COMMIT or ROLLBACK, so that its cancellation does not hit those.
    async settle() {
      await Promise.allSettled(running);
    },
  };
}

async function commit<R>(connection: DatabaseConnection, last: Promise<R>): Promise<R> {
  const [result, committed] = await Promise.allSettled([last, send(connection, "commit")]);
  if (result.status === "rejected") throw result.reason;
  if (committed.status === "rejected") throw committed.reason;
  const [row] = committed.value.rows as { command?: string }[];
  // Postgres answers so to the COMMIT of a transaction in which a statement failed.
  if (row?.command === "ROLLBACK")
    throw new Error("the transaction was rolled back: one of its statements failed");
  return result.value;
}

function send(connection: DatabaseConnection, text: "begin" | "commit" | "rollback") {
  return connection.executeQuery(CompiledQuery.raw(text));
}
