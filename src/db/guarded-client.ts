import type { PostgresPoolClient } from "kysely";
import type pg from "pg";
import { tooManyStuckCommits } from "./errors.ts";
import { type ObserveDeps, observeConnection, processIdOf } from "./observed-connection.ts";
import { createReadConfirmation, type ReadConfirmation } from "./read-confirmation.ts";
import { createSend, isBegin } from "./send.ts";
import type { StatementNames } from "./statement-names.ts";
import { type StatementScope, statementScope } from "./statement-scope.ts";

/** A connection of a pool that knows when its server last responded. */
export interface GuardedClient extends PostgresPoolClient {
  answeredAt(): number;
  openedAt: number;
  /** Returns the start time of the server that it leads to. */
  server(): Promise<string>;
}

/** What the connections of a pool share. */
export interface GuardDeps extends ObserveDeps {
  names: StatementNames;
}

/** Returns a connection for Kysely. It runs each statement within its scope, and a lost connection is not used again. */
export function guardClient(client: pg.PoolClient, deps: GuardDeps): GuardedClient {
  const send = createSend(client, deps.names);
  const openedAt = performance.now();
  const { run, spend, isReusable, answeredAt } = observeConnection(client, send, deps);
  const confirmation = createReadConfirmation(run);

  async function query(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    const scope = statementScope();
    if (text === "commit") return await run(text, parameters, "commit");
    // A transaction is rolled back even if its caller has given up.
    if (text === "rollback") return await rollBack(scope);
    scope.signal?.throwIfAborted();
    if (isBegin(text)) {
      if (deps.stuckCommits.tooMany()) throw tooManyStuckCommits();
      confirmation.begin();
    }
    const inTransaction = isBegin(text) || send.isInTransaction();
    const result = await run(text, parameters, scope);
    if (inTransaction) confirmation.note(result);
    else if (scope.primary) return await confirm({ text, parameters }, result, scope.primary);
    return result;
  }

  async function confirm(...read: Parameters<ReadConfirmation["confirm"]>): Promise<pg.QueryResult> {
    try {
      return await confirmation.confirm(...read);
    } catch (error) {
      // The transaction of the confirmation may still be open.
      spend();
      throw error;
    }
  }

  async function rollBack({ primary }: StatementScope): Promise<pg.QueryResult> {
    const isRefusal = client.getTransactionStatus() === "T" && primary && confirmation.isOpen(primary);
    return isRefusal ? await confirmation.rollBack(primary) : await run("rollback", [], {});
  }

  return {
    // The type of Kysely also has cursors, which Kysely only sends if a cursor class is configured.
    query: query as unknown as PostgresPoolClient["query"],
    get processID() {
      return processIdOf(client);
    },
    release: (destroy) =>
      client.release(destroy === true || !isReusable() || client.getTransactionStatus() !== "I"),
    openedAt,
    answeredAt,
    server: confirmation.server,
  };
}
