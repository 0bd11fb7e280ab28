import { type KyselyPlugin, PostgresQueryCompiler } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

// A timer writes times of last use, independently of calls.
const inTheBackground =
  /^\s*(insert into (api_key_token_use|session_use)\b|select clock_timestamp\(\) as time\b|select pg_notify\()/;

/** A statement whose result is delayed. */
export interface HeldStatement {
  /** Resolves when the database has sent the result. */
  answered: Promise<void>;
  release(): void;
}

/**
 * Watches the statements of databases. `statementsOf` returns the statements that were sent while a call ran.
 * `holdResultOf` delays the result of the next matching statement, while others continue.
 */
export function watchStatements(): {
  watch(db: Db): Db;
  statementsOf(call: () => Promise<unknown>): Promise<string[]>;
  holdResultOf(pattern: RegExp): HeldStatement;
} {
  const compiler = new PostgresQueryCompiler();
  let seen: string[] = [];
  let recording = 0;
  let awaited: (HeldStatement & { pattern: RegExp; reach(): void; released: Promise<void> }) | undefined;
  const held = new WeakMap<object, { reach(): void; released: Promise<void> }>();
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      // The compilation is only for this watch, so it is left out while nothing watches.
      if (recording === 0 && !awaited) return node;
      const statement = compiler.compileQuery(node, queryId).sql;
      seen.push(statement);
      if (awaited?.pattern.test(statement)) {
        held.set(queryId, awaited);
        awaited = undefined;
      }
      return node;
    },
    async transformResult({ result, queryId }) {
      const one = held.get(queryId);
      one?.reach();
      await one?.released;
      return result;
    },
  };
  function holdResultOf(pattern: RegExp): HeldStatement {
    const { promise: answered, resolve: reach } = Promise.withResolvers<void>();
    const { promise: released, resolve: release } = Promise.withResolvers<void>();
    awaited = { pattern, answered, reach, released, release };
    return { answered, release };
  }
  async function statementsOf(call: () => Promise<unknown>): Promise<string[]> {
    seen = [];
    recording += 1;
    try {
      await call();
    } finally {
      recording -= 1;
    }
    return seen.filter((statement) => !inTheBackground.test(statement));
  }
  return { watch: (db) => db.withPlugin(plugin), statementsOf, holdResultOf };
}
