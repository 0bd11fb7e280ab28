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
 * Makes sure that "there is no such thing" is the answer of a primary. An old primary, whose standby was promoted, finds
 * nothing of what was made since. So a result without rows counts only after a commit that the synchronous standby has
 * confirmed, unless the server is known to be the primary.
 */
export interface ReadConfirmation {
  /** Returns the result of a statement outside of a transaction, confirmed. It may have rows now. */
  confirm(
    statement: { text: string; parameters: readonly unknown[] },
    result: pg.QueryResult,
    primary: KnownPrimary,
  ): Promise<pg.QueryResult>;
  /** A transaction begins. */
  begin(): void;
  /** Notes the result of a statement within the transaction. */
  note(result: pg.QueryResult): void;
  /** Whether a refusal of the transaction may rest on something that it did not find, and that is not confirmed. */
  isOpen(primary: KnownPrimary): boolean;
  /** Rolls back the transaction, and confirms what it did not find. */
  rollBack(primary: KnownPrimary): Promise<pg.QueryResult>;
  /** The server that this connection leads to: when it started. */
  server(): Promise<string>;
}

// The commit of a proof changes nothing: it may be cancelled.
const proofScope: StatementScope = { limitMs: 1_000 };
const serverText = "select pg_postmaster_start_time()::text as server";

/** Creates the confirmation of what one connection reads. */
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
      // Read again in the transaction of the proof: a pooler may send each transaction to another server.
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
