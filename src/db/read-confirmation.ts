import type pg from "pg";
import { primaryProofText } from "./primary-proof.ts";
import type { StatementScope } from "./statement-scope.ts";

/** Sends a statement on one connection. */
export type Run = (
  text: string,
  parameters: readonly unknown[],
  scope: StatementScope,
) => Promise<pg.QueryResult>;

type KnownPrimary = NonNullable<StatementScope["primary"]>;

/**
 * Ensures that a result without rows comes from the primary. An old primary, whose standby was promoted, does not find rows
 * that were created since. So a result without rows counts only after a commit that the synchronous standby has confirmed,
 * unless the server is known to be the primary.
 */
export interface ReadConfirmation {
  /** Returns the confirmed result of a statement outside of a transaction. It may contain rows now. */
  confirm(
    statement: { text: string; parameters: readonly unknown[] },
    result: pg.QueryResult,
    primary: KnownPrimary,
  ): Promise<pg.QueryResult>;
  /** Records that a transaction begins. */
  begin(): void;
  /** Records the result of a statement within the transaction. */
  note(result: pg.QueryResult): void;
  /** Returns whether a refusal of the transaction may depend on an unconfirmed result without rows. */
  isOpen(primary: KnownPrimary): boolean;
  /** Rolls back the transaction, and confirms its results without rows. */
  rollBack(primary: KnownPrimary): Promise<pg.QueryResult>;
  /** Returns the start time of the server that this connection leads to. */
  server(): Promise<string>;
}

// The commit of a proof changes nothing, so it may be cancelled.
const proofScope: StatementScope = { limitMs: 1_000 };
const serverText = "select pg_postmaster_start_time()::text as server";

/** Creates the read confirmation of one connection. */
export function createReadConfirmation(run: Run): ReadConfirmation {
  let server: string | undefined;
  let foundNothing = false;

  const send = (text: string, parameters: readonly unknown[] = []) => run(text, parameters, proofScope);
  const isKnown = (primary: KnownPrimary) => server !== undefined && server === primary();

  async function prove(primary: KnownPrimary): Promise<void> {
    const { rows } = await send(primaryProofText, [primary() ?? ""]);
    server = rows[0]?.server;
    await send("commit");
  }

  return {
    async confirm({ text, parameters }, result, primary) {
      if (result.command !== "SELECT" || result.rowCount !== 0 || isKnown(primary)) return result;
      // Reads again in the transaction of the proof, because a pooler may send each transaction to another server.
      await send("begin");
      const again = await send(text, parameters);
      await prove(primary);
      return again;
    },
    begin() {
      foundNothing = false;
    },
    note(result) {
      foundNothing ||= result.rowCount === 0;
    },
    isOpen: (primary) => foundNothing && !isKnown(primary),
    async rollBack(primary) {
      const result = await send("rollback and chain");
      await prove(primary);
      return result;
    },
    async server() {
      server ??= String((await send(serverText)).rows[0]?.server);
      return server;
    },
  };
}
