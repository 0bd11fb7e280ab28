import { Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import type { Changes } from "./changes.ts";
import { guardPool } from "./guarded-pool.ts";
import type { Log } from "./log.ts";
import type { OnQuery } from "./observed-connection.ts";
import type { Database } from "./schema.ts";
import { createStatementNames } from "./statement-names.ts";
import { sharesOf } from "./turn-shares.ts";
import { createTurns } from "./turns.ts";

/** The database, for reads and for writes that invalidate nothing. */
export type Db = Kysely<Database>;
export type Tx = Transaction<Database>;

/**
 * The database for changes. `changes` follows every change until it is effective everywhere. It is required, so that a
 * change that does not wait for its invalidation does not compile.
 */
export type Store = Db & { changes: Changes };

// A caller waits at most 3 s for a dead database: for a connection, or for a response on one that was alive just before.
const connectTimeoutMs = 2_000;
const defaultQueryTimeoutMs = 2_500;
// The server gives up first, so that its connection survives a slow statement.
const serverGivesUpEarlierMs = 500;
const idleInTransactionTimeoutMs = 10_000;
const idleConnectionMs = 60_000;
const connectionLifetimeS = 1_800;
const keepAliveAfterMs = 10_000;

export interface ConnectOptions {
  /** A postgres:// URL. Behind pgbouncer, list statement_timeout and idle_in_transaction_session_timeout in its ignore_startup_parameters. */
  url: string;
  /** The maximum number of connections. */
  poolSize: number;
  /** Prepares statements under a name, 1.45 times as fast (default). Off for pgbouncer before 1.21 in transaction mode. */
  statementNames?: boolean;
  /** How long one statement may take (default 2.5 s). Migrations need longer: `migrationTimeoutMs`. */
  queryTimeoutMs?: number;
  onQuery?: OnQuery;
  /** Accounts and kinds of work take turns to get connections. Unset: callers get connections in the order of arrival. */
  turns?: boolean;
  log: Log;
}

/** Connections of a pool: all, those without work, and callers that wait for one. */
export interface PoolStats {
  total: number;
  idle: number;
  waiting: number;
}

/**
 * Returns the database behind a bounded pool, which connects on first use. If Postgres is unreachable, each statement fails
 * within 3 s (see `isUnavailable`). The pool works again as soon as Postgres does. timestamptz is a Date, int8 a string.
 * `destroy()` closes the pool.
 */
export function connect(options: ConnectOptions): Db & { poolStats(): PoolStats } {
  const pool = new pg.Pool(poolConfig(options));
  // Without a listener, a connection that dies while idle would end the process.
  pool.on("error", (error) =>
    options.log.warn({ error: error.message }, "an idle database connection was lost"),
  );
  const names = options.statementNames === false ? () => undefined : createStatementNames();
  const turns = options.turns ? createTurns({ shares: sharesOf(options.poolSize) }) : undefined;
  const guarded = guardPool(pool, { names, turns, onQuery: options.onQuery ?? (() => undefined) });
  const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool: guarded }) });
  return Object.assign(db, {
    poolStats: () => ({
      total: pool.totalCount,
      idle: pool.idleCount,
      waiting: pool.waitingCount + (turns?.waiting() ?? 0),
    }),
  });
}

/** Returns the same database for changes. `changes` follows them. */
export function followChanges(db: Db, changes: Changes): Store {
  return Object.assign(db.withTables<Record<never, never>>(), { changes });
}

function poolConfig({
  url,
  poolSize,
  queryTimeoutMs = defaultQueryTimeoutMs,
}: ConnectOptions): pg.PoolConfig {
  return {
    connectionString: url,
    application_name: "latchkey",
    max: poolSize,
    connectionTimeoutMillis: connectTimeoutMs,
    query_timeout: queryTimeoutMs,
    statement_timeout: Math.max(1, queryTimeoutMs - serverGivesUpEarlierMs),
    idle_in_transaction_session_timeout: idleInTransactionTimeoutMs,
    idleTimeoutMillis: idleConnectionMs,
    maxLifetimeSeconds: connectionLifetimeS,
    // Statements of a transaction that are started together are sent together.
    pipeline: true,
    keepAlive: true,
    keepAliveInitialDelayMillis: keepAliveAfterMs,
  };
}
