import type pg from "pg";
import { isStalePlan } from "./errors.ts";
import type { StatementNames } from "./statement-names.ts";

/** Sends the statements of one connection. */
export interface Send {
  (text: string, parameters: readonly unknown[]): Promise<pg.QueryResult>;
  /** Returns whether a transaction is open after all statements that were sent so far, with or without a response. */
  isInTransaction(): boolean;
}

/** Creates the sender of a connection. A statement whose plan a migration made stale is prepared and sent again. */
export function createSend(client: pg.PoolClient, names: StatementNames): Send {
  let generation = 0;
  let inTransaction = false;
  const gather = createGathering(client);

  async function send(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    gather();
    const name = names(text, parameters);
    const values = [...parameters];
    return await client.query(
      name === undefined ? { text, values } : { name: `${name}_${generation}`, text, values },
    );
  }

  async function sendAfresh(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    // The status that the server reported may be older than the statements that were sent since.
    if (isBegin(text)) inTransaction = true;
    else if (text === "commit" || text === "rollback") inTransaction = false;
    const alone = !inTransaction;
    try {
      return await send(text, parameters);
    } catch (error) {
      if (!isStalePlan(error)) throw error;
      // A migration changed a table of prepared statements. Nothing ran yet, so all of them are prepared again.
      generation += 1;
      if (!alone) throw error;
      return await send(text, parameters);
    }
  }

  return Object.assign(sendAfresh, { isInTransaction: () => inTransaction });
}

/** Returns whether a statement begins a transaction. */
export function isBegin(text: string): boolean {
  return text === "begin" || text.startsWith("start transaction");
}

// Collects the statements that are sent within one tick, and writes them with one system call.
function createGathering(client: pg.PoolClient): () => void {
  let gathering = false;
  return () => {
    if (gathering) return;
    gathering = true;
    const { stream } = client.connection;
    stream.cork();
    process.nextTick(() => {
      gathering = false;
      stream.uncork();
    });
  };
}
