import type { PostgresPoolClient } from "kysely";
import type pg from "pg";
import { cancelStatement } from "./cancel.ts";
import { isReadOnly, isSilence, isStalePlan, tooManyStuckCommits, unconfirmedCommit } from "./errors.ts";
import { createReadConfirmation, type ReadConfirmation } from "./read-confirmation.ts";
import type { StatementNames } from "./statement-names.ts";
import { type StatementScope, statementScope } from "./statement-scope.ts";
import type { StuckCommits } from "./stuck-commits.ts";

/** Told of each statement, and of each time that no connection could be had: duration in milliseconds, success. */
export type OnQuery = (ms: number, ok: boolean) => void;

/** A connection that knows when it last showed that its server is there. */
export interface GuardedClient extends PostgresPoolClient {
  answeredAt(): number;
  openedAt: number;
  /** The server that it leads to: when that started. */
  server(): Promise<string>;
}

/** What the connections of a pool share. */
export interface GuardDeps {
  names: StatementNames;
  stuckCommits: StuckCommits;
  /** What has not answered since then may lead to a server that is gone, or is the primary no longer. */
  onSuspicion(since: number): void;
  onQuery: OnQuery;
}

interface Send {
  (text: string, parameters: readonly unknown[]): Promise<pg.QueryResult>;
  /** Whether a transaction is open after all that was sent so far, answered or not. */
  isInTransaction(): boolean;
}

/** Returns a connection as Kysely sees it: each statement within its scope, and no reuse of a connection that was lost. */
export function guardClient(client: pg.PoolClient, deps: GuardDeps): GuardedClient {
  const { stuckCommits, onSuspicion, onQuery } = deps;
  const send = createSend(client, deps.names);
  const openedAt = performance.now();
  let answeredAt = openedAt;
  // Not answered: nothing more is sent.
  let abandoned = false;
  // A request to cancel may still be on its way: it must not hit a COMMIT, nor what another caller sends.
  let spent = false;
  let unconfirmed = false;
  client.on("notice", ({ routine }) => {
    if (routine === "SyncRepWaitForLSN") unconfirmed = true;
  });

  const confirmation = createReadConfirmation(run);

  async function query(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    const scope = statementScope();
    if (text === "commit") return await run(text, parameters, "commit");
    // What was begun is rolled back, whether its caller still waits or not.
    if (text === "rollback") return await rollBack(scope);
    scope.signal?.throwIfAborted();
    if (isBegin(text)) {
      if (stuckCommits.tooMany()) throw tooManyStuckCommits();
      confirmation.begin();
    }
    const inTransaction = isBegin(text) || send.isInTransaction();
    const result = await run(text, parameters, scope);
    if (inTransaction) confirmation.note(result);
    else if (scope.primary) return await confirm({ text, parameters }, result, scope.primary);
    return result;
  }

  async function confirm(...asked: Parameters<ReadConfirmation["confirm"]>): Promise<pg.QueryResult> {
    try {
      return await confirmation.confirm(...asked);
    } catch (error) {
      // Its transaction may still be open.
      spent = true;
      throw error;
    }
  }

  async function rollBack({ primary }: StatementScope): Promise<pg.QueryResult> {
    const isRefusal = client.getTransactionStatus() === "T" && primary && confirmation.isOpen(primary);
    return isRefusal ? await confirmation.rollBack(primary) : await run("rollback", [], {});
  }

  /** Sends a statement within a scope. A COMMIT has none: it is never cancelled. */
  async function run(text: string, parameters: readonly unknown[], scope: StatementScope | "commit") {
    if (abandoned) throw new Error("Connection was abandoned after a query timed out");
    if (spent && scope === "commit") throw new Error("Connection was abandoned after a cancellation");
    const cancellation = scope === "commit" ? undefined : createCancellation(client, scope);
    try {
      return await observe(text, parameters, cancellation);
    } catch (error) {
      if (scope !== "commit") scope.signal?.throwIfAborted();
      throw error;
    } finally {
      const passedOn = cancellation?.end() ?? true;
      // A connection that was abandoned is not used again.
      if (!abandoned && !(await passedOn)) spent = true;
    }
  }

  async function observe(
    text: string,
    parameters: readonly unknown[],
    cancellation: Cancellation | undefined,
  ): Promise<pg.QueryResult> {
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
      else if (cancellation) cancellation.request();
      else stuckCommits.add(processIdOf(client) ?? 0);
      abandoned ||= isSilence(error);
      // Whatever leads to that server leads to no primary.
      const astray = unconfirmed || isReadOnly(error);
      spent ||= astray;
      if (abandoned || astray) onSuspicion(abandoned ? sentAt : answeredAt);
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
    release: (destroy) =>
      client.release(destroy === true || abandoned || spent || client.getTransactionStatus() !== "I"),
    openedAt,
    answeredAt: () => answeredAt,
    server: confirmation.server,
  };
}

function createSend(client: pg.PoolClient, names: StatementNames): Send {
  let generation = 0;
  let inTransaction = false;

  async function send(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    const name = names(text, parameters);
    const values = [...parameters];
    return await client.query(
      name === undefined ? { text, values } : { name: `${name}_${generation}`, text, values },
    );
  }

  async function sendAfresh(text: string, parameters: readonly unknown[]): Promise<pg.QueryResult> {
    // The server's own word may be older than what was sent since.
    if (isBegin(text)) inTransaction = true;
    else if (text === "commit" || text === "rollback") inTransaction = false;
    const alone = !inTransaction;
    try {
      return await send(text, parameters);
    } catch (error) {
      if (!isStalePlan(error)) throw error;
      // A migration changed the table under prepared statements. Nothing ran yet: prepare them all afresh.
      generation += 1;
      if (!alone) throw error;
      return await send(text, parameters);
    }
  }

  return Object.assign(sendAfresh, { isInTransaction: () => inTransaction });
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
