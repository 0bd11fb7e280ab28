import { type KyselyPlugin, PostgresQueryCompiler } from "kysely";
import type { Db } from "../../../src/db/connect.ts";

// When something was last used is written on a timer, whatever call is under way.
const inTheBackground =
  /^\s*(insert into (api_key_token_use|session_use)\b|select clock_timestamp\(\) as time\b|select pg_notify\()/;

/** Keeps an eye on databases: `statementsOf` tells what was sent while a call ran. */
export function watchStatements(): {
  watch(db: Db): Db;
  statementsOf(call: () => Promise<unknown>): Promise<string[]>;
} {
  const compiler = new PostgresQueryCompiler();
  let seen: string[] = [];
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      seen.push(compiler.compileQuery(node, queryId).sql);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  async function statementsOf(call: () => Promise<unknown>): Promise<string[]> {
    seen = [];
    await call();
    return seen.filter((statement) => !inTheBackground.test(statement));
  }
  return { watch: (db) => db.withPlugin(plugin), statementsOf };
}
