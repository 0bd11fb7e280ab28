import type pg from "pg";
import { type Cancellation, createCancellation } from "./cancellation.ts";
import { isReadOnly, isSilence, unconfirmedCommit } from "./errors.ts";
import type { Send } from "./send.ts";
import type { StatementScope } from "./statement-scope.ts";
import type { StuckCommits } from "./stuck-commits.ts";

/** What the connections of a pool report, and where. */
export interface ObserveDeps {
  stuckCommits: StuckCommits;
  /** Called if connections without a response since a time may lead to a server that is gone or no longer the primary. */
  onSuspicion(since: number): void;
  onQuery: OnQuery;
}

/** Called for each statement, and each time that no connection was available, with the milliseconds and the success. */
export type OnQuery = (ms: number, ok: boolean) => void;

/** Runs the statements of one connection, and knows whether it may be used again. */
export interface ObservedConnection {
  /** Sends a statement within a scope. A COMMIT has no scope, because it is never cancelled. */
  run(
    text: string,
    parameters: readonly unknown[],
    scope: StatementScope | "commit",
  ): Promise<pg.QueryResult>;
  /** Excludes the connection from further use, because its state is unknown. */
  spend(): void;
  /** Returns whether another caller may use the connection. */
  isReusable(): boolean;
  /** Returns when the server last responded, by `performance.now()`. */
  answeredAt(): number;
}

/** Starts to observe a connection. */
// Over 60 lines: its parts share what is known about the state of the connection.
export function observeConnection(
  client: pg.PoolClient,
  send: Send,
  { stuckCommits, onSuspicion, onQuery }: ObserveDeps,
): ObservedConnection {
  let answeredAt = performance.now();
  // A statement got no response in time. Nothing more is sent.
  let abandoned = false;
  // A cancel request may still be on its way. It must not hit a COMMIT, or a statement of another caller.
  let spent = false;
  // Set by the notice of Postgres that a wait for the synchronous standby was cancelled.
  let unconfirmed = false;
  client.on("notice", ({ routine }) => {
    if (routine === "SyncRepWaitForLSN") unconfirmed = true;
  });

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
      // Other connections to that server do not lead to the primary either.
      const astray = unconfirmed || isReadOnly(error);
      spent ||= astray;
      if (abandoned || astray) onSuspicion(abandoned ? sentAt : answeredAt);
      throw error;
    } finally {
      onQuery(performance.now() - sentAt, ok);
    }
  }

  return {
    async run(text, parameters, scope) {
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
        // An abandoned connection is not used again, so it need not wait for its cancel request.
        if (!abandoned && !(await passedOn)) spent = true;
      }
    },
    spend() {
      spent = true;
    },
    isReusable: () => !abandoned && !spent,
    answeredAt: () => answeredAt,
  };
}

/** Returns the process id of the server process behind a connection, if it is known. */
export function processIdOf(client: pg.PoolClient): number | undefined {
  const id: unknown = Reflect.get(client, "processID");
  return typeof id === "number" ? id : undefined;
}
