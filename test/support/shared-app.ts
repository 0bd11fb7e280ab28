import { type KyselyPlugin, PostgresQueryCompiler } from "kysely";
import { test } from "vitest";
import type { Db } from "../../src/db/connect.ts";
import { type SharedApp, startApp, startOnPools } from "./app.ts";

// More than all files together need in the platform account, because they share it.
const settings = { LATCHKEY_MAX_ROLES_PER_ACCOUNT: "1000", LATCHKEY_MAILS_PER_HOUR: "1000000" };

// That of production. A short lease costs more heartbeats, and here only the first change of the worker waits for it.
const leaseMs = 1_000;

// The app of a worker. The runner starts it for the first file that uses it, and stops it with the worker.
const ofWorker = test
  .extend("settings", { scope: "worker" }, settings)
  .extend("sharedApp", { scope: "worker" }, async ({ settings }, { onCleanup }) => {
    const { app, end } = await startApp(settings, { leaseMs });
    onCleanup(end);
    return app;
  });

/**
 * Returns an app that several test files of a worker share, one after the other. A file may use it if it makes its own
 * accounts, and if no promise depends on what else the database contains. `SharedApp` has nothing that shows the work of
 * other files. For faults, changes of the clock and for everything that ends or fills a limit of the whole service, use `useApp`.
 * With settings, the file gets an instance of its own on the same database.
 *
 * Read the result only inside tests.
 */
export function useSharedApp(env?: Record<string, string>): SharedApp {
  let app: SharedApp | undefined;
  let end: (() => Promise<void>) | undefined;
  ofWorker.beforeAll(async ({ sharedApp }) => {
    // The statements of a file are its own, because the buffered writes of earlier files are done.
    await sharedApp.app.flush();
    const own = env && (await startOnPools(sharedApp, { ...settings, ...env }, { leaseMs }));
    end = own?.end;
    const one = own?.app ?? sharedApp;
    app = { ...one, db: refusingWideChanges(one.db), pool: refusingWideChanges(one.pool) };
    // The file gets only its own mails and log lines.
    sharedApp.mails.length = 0;
    sharedApp.logLines.length = 0;
  });
  ofWorker.afterAll(() => end?.());
  return new Proxy({} as SharedApp, {
    get(_target, name: keyof SharedApp) {
      if (!app) throw new Error("the service exists only while tests run");
      return app[name];
    },
  });
}

/** Returns a database that refuses changes of the schema, and changes of rows without a condition. */
function refusingWideChanges(db: Db): Db {
  const compiler = new PostgresQueryCompiler();
  const plugin: KyselyPlugin = {
    transformQuery({ node, queryId }) {
      if (node.kind === "SelectQueryNode") return node;
      const { sql } = compiler.compileQuery(node, queryId);
      if (isWide(sql)) throw new Error(`other test files share this database. Use \`useApp\` for: ${sql}`);
      return node;
    },
    transformResult: async ({ result }) => result,
  };
  return db.withPlugin(plugin);
}

function isWide(sql: string): boolean {
  if (/^\s*(alter|analyze|create|drop|truncate|vacuum)\b/i.test(sql)) return true;
  return /^\s*(update|delete)\b/i.test(sql) && !/\bwhere\b[\s\S]*\$\d/i.test(sql);
}
