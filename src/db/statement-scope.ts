import { AsyncLocalStorage } from "node:async_hooks";

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
}

// A key, as a context of connect has keys: it holds nothing between calls.
const scopes = new AsyncLocalStorage<StatementScope>();

/** Runs work in a scope. Work that it starts inherits the scope, unless that work is run in a scope of its own. */
export function withStatements<T>(scope: StatementScope, work: () => T): T {
  return scopes.run(scope, work);
}

/** The scope of the statement that is about to be sent; empty where none was set. */
export function statementScope(): StatementScope {
  return scopes.getStore() ?? nothing;
}

const nothing: StatementScope = {};
