import { AsyncLocalStorage } from "node:async_hooks";
import type { Turn } from "./turn-shares.ts";

/** What holds for every statement of one piece of work, however deep in it the statement is sent. */
export interface StatementScope {
  /** Aborted when the caller gives up: then the statement under way is cancelled, and no other is sent. Never a COMMIT. */
  signal?: AbortSignal;
  /** How long a statement may run before it is cancelled, in milliseconds. The limits of the pool hold as well. */
  limitMs?: number;
  /**
   * The server (when it started) that is known to be the primary, if any is. Where this is set, a result without rows comes
   * from a server that is known to be the primary, or that has proved it.
   */
  primary?(): string | undefined;
  /** On whose behalf connections are taken. Unset: the work goes on in the background. */
  turn?: Turn;
}

// A key, as a context of connect has keys: it holds nothing between calls.
const scopes = new AsyncLocalStorage<StatementScope>();

/** Runs work in a scope. Work that it starts inherits the scope, unless that work is run in a scope of its own. */
export function withStatements<T>(scope: StatementScope, work: () => T): T {
  return scopes.run(scope, work);
}

/**
 * Runs a part of a piece of work on behalf of others: with the rest of its scope as it is. A withdrawal stays one, whatever
 * its parts are.
 */
export function withTurn<T>(turn: Turn, work: () => T): T {
  const scope = statementScope();
  const { kind = turn.kind, bytes } = scope.turn ?? {};
  const merged = { ...turn, kind: kind === "withdrawal" ? kind : turn.kind, ...(bytes && { bytes }) };
  return scopes.run({ ...scope, turn: merged }, work);
}

/** The scope of the statement that is about to be sent; empty where none was set. */
export function statementScope(): StatementScope {
  return scopes.getStore() ?? nothing;
}

const nothing: StatementScope = {};
