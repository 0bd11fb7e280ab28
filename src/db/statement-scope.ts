import { AsyncLocalStorage } from "node:async_hooks";
import type { Turn } from "./turn-shares.ts";

/** The conditions for every statement of one piece of work, at any depth of calls. */
export interface StatementScope {
  /** Aborted when the caller gives up. Then the running statement is cancelled, unless it is a COMMIT, and no other is sent. */
  signal?: AbortSignal;
  /** Time limit of a statement in milliseconds; then it is cancelled. The limits of the pool apply too. */
  limitMs?: number;
  /**
   * Returns the start time of the server that is known to be the primary, if one is known. If this is set, a result without
   * rows comes from that server, or from one that has proved to be the primary.
   */
  primary?(): string | undefined;
  /** The turn that takes connections for this work. Unset: background work. */
  turn?: Turn;
}

// Only a key, like the context keys of connect. It holds nothing between calls.
const scopes = new AsyncLocalStorage<StatementScope>();

/** Runs work in a scope. Work that it starts inherits the scope, unless it runs in another scope. */
export function withStatements<T>(scope: StatementScope, work: () => T): T {
  return scopes.run(scope, work);
}

/** Runs a part of some work with another turn, and otherwise in the same scope. The part of a withdrawal is a withdrawal too. */
export function withTurn<T>(turn: Turn, work: () => T): T {
  const scope = statementScope();
  const { kind = turn.kind, bytes } = scope.turn ?? {};
  const merged = { ...turn, kind: kind === "withdrawal" ? kind : turn.kind, ...(bytes && { bytes }) };
  return scopes.run({ ...scope, turn: merged }, work);
}

/** Returns the scope of the next statement. Empty if no scope was set. */
export function statementScope(): StatementScope {
  return scopes.getStore() ?? emptyScope;
}

const emptyScope: StatementScope = {};
