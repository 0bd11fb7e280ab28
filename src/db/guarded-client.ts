import type { PostgresPoolClient } from "kysely";
import type pg from "pg";
import { cancelStatement } from "./cancel.ts";
import { isSilence, isStalePlan, tooManyStuckCommits, unconfirmedCommit } from "./errors.ts";
import type { StatementNames } from "./statement-names.ts";
import { type StatementScope, statementScope } from "./statement-scope.ts";
import type { StuckCommits } from "./stuck-commits.ts";

/** Told of each statement, and of each time that no connection could be had: duration in milliseconds, success. */
export type OnQuery = (ms: number, ok: boolean) => void;

/** A connection that knows when it last showed that its server is there. */
export interface GuardedClient extends PostgresPoolClient {
  answeredAt(): number;
}

/** What the connections of a pool share. */
export interface GuardDeps {
  names: StatementNames;
  stuckCommits: StuckCommits;
  /** What has not answered since then may lead to a server that is gone, or is the primary no longer. */
  onSuspicion(since: number): void;
  onQuery: OnQuery;
}

type Send = (text: string, parameters: readonly unknown[]) => Promise<pg.QueryResult>;

/** Returns a connection as Kysely sees it: each statement within its scope, and no reuse of a connection that was lost. */
export function guardClient(client: pg.PoolClient, deps: GuardDeps): GuardedClient {
  const { stuckCommits, onSuspicion, onQuery } = deps;
  const send = createSend(client, deps.names);
  let answeredAt = performance.now();
  // Not answered: nothing more is sent.
  let abandoned = false;
  // A request to cancel may still be on its way: it must not hit a COMMIT, nor what another caller sends.
  let spent = false;
  let unconfirmed = false;
  client.on("notice", ({ routine }) => {
    if (routine === "SyncRepWaitForLSN") unconfirmed = true;
  });

  async function query(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    if (abandoned) throw new Error("Connection was abandoned after a query timed out");
    if (spent && text === "commit") throw new Error("Connection was abandoned after a cancellation");
    // The server never cancels a COMMIT, and what was begun is always rolled back.
    const scope = text === "commit" || text === "rollback" ? {} : statementScope();
    scope.signal?.throwIfAborted();
    if (isBegin(text) && stuckCommits.tooMany()) throw tooManyStuckCommits();
    const cancellation = createCancellation(client, scope);
    try {
      return await observe(text, parameters, cancellation);
    } catch (error) {
      scope.signal?.throwIfAborted();
      throw error;
    } finally {
      const passedOn = cancellation.end();
      // A connection that was abandoned is not used again.
      if (!abandoned && !(await passedOn)) spent = true;
    }
  }

  async function observe(text: string, parameters: readonly unknown[], cancellation: Cancellation) {
    const sentAt = performance.now();
    unconfirmed = false;
    let ok = false;
    try {
      const result = await send(text, parameters);
      answeredAt = performance.now();
      if (unconfirmed) throw unconfirmedCommit();
      ok = true;
      return result;
    } catch (error) {
      if (!isSilence(error)) answeredAt = performance.now();
      else if (text === "commit") stuckCommits.add(processIdOf(client) ?? 0);
      else cancellation.request();
      abandoned ||= isSilence(error);
      spent ||= unconfirmed;
      if (abandoned || unconfirmed) onSuspicion(abandoned ? sentAt : answeredAt);
      throw error;
    } finally {
      onQuery(performance.now() - sentAt, ok);
    }
  }

  return {
    // Kysely's type also has cursors, which it only sends where a cursor class was configured.
    query: query as unknown as PostgresPoolClient["query"],
    get processID() {
      return processIdOf(client);
    },
    release: (destroy) => client.release(destroy === true || abandoned || spent),
    answeredAt: () => answeredAt,
  };
}

function createSend(client: pg.PoolClient, names: StatementNames): Send {
  let generation = 0;

  async function send(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    const name = names(text, parameters);
    const values = [...parameters];
    return await client.query(
      name === undefined ? { text, values } : { name: `${name}_${generation}`, text, values },
    );
  }

  return async (text, parameters) => {
    const inTransaction = client.getTransactionStatus() !== "I";
    try {
      return await send(text, parameters);
    } catch (error) {
      if (!isStalePlan(error)) throw error;
      // A migration changed the table under prepared statements. Nothing ran yet: prepare them all afresh.
      generation += 1;
      if (inTransaction) throw error;
      return await send(text, parameters);
    }
  };
}

/** Cancels one statement: when it has run for too long, when its caller gives up, or on request. */
interface Cancellation {
  request(): void;
  /** The statement has ended. Resolves with false if a request to cancel it may still be on its way. */
  end(): Promise<boolean>;
}

function createCancellation(client: pg.PoolClient, { signal, limitMs }: StatementScope): Cancellation {
  let passedOn: Promise<boolean> | undefined;
  const request = () => {
    passedOn ??= cancelStatement(client);
  };
  const timer = limitMs === undefined ? undefined : setTimeout(request, limitMs);
  signal?.addEventListener("abort", request, { once: true });
  return {
    request,
    async end() {
      clearTimeout(timer);
      signal?.removeEventListener("abort", request);
      return passedOn === undefined || (await passedOn);
    },
  };
}

function isBegin(text: string): boolean {
  return text === "begin" || text.startsWith("start transaction");
}

function processIdOf(client: pg.PoolClient): number | undefined {
  const id: unknown = Reflect.get(client, "processID");
  return typeof id === "number" ? id : undefined;
}
