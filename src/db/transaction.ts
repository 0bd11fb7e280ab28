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
 * Runs work in a transaction with few round trips. BEGIN is sent with the first statement. Statements that are started
 * together are sent together, in their order. Each statement has its own snapshot, so it sees the writes of earlier ones. If
 * the work succeeds, `last` starts the last statement, which is sent with COMMIT, and returns the result. If the work fails,
 * the transaction is rolled back. `sent` returns how many statements the work has started so far.
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
      // The last statement is never cancelled, because the cancellation could hit COMMIT instead.
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

// Only the type needs this dialect. The executor of the database compiles and sends the statements.
const dialect = {
  createAdapter: () => new PostgresAdapter(),
  createDriver: () => new DummyDriver(),
  createIntrospector: (db: Db) => new PostgresIntrospector(db),
  createQueryCompiler: () => new PostgresQueryCompiler(),
};

// Kysely's own provider runs one statement at a time. If BEGIN failed, the results of the statements after it do not count.
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
        const [first] = await Promise.all([result, begun]);
        return first;
      } finally {
        running.delete(result);
      }
    },
    close() {
      closed = true;
    },
    // Waits until all statements have ended. Otherwise the cancellation of one could hit COMMIT or ROLLBACK.
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
  // Postgres responds to COMMIT with ROLLBACK if a statement of the transaction failed.
  if (row?.command === "ROLLBACK")
    throw new Error("the transaction was rolled back: one of its statements failed");
  return result.value;
}

function send(connection: DatabaseConnection, text: "begin" | "commit" | "rollback") {
  return connection.executeQuery(CompiledQuery.raw(text));
}
