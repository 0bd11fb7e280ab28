const unavailableCodes = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "ECONNABORTED",
  "ETIMEDOUT",
  "EPIPE",
  "EHOSTUNREACH",
  "EHOSTDOWN",
  "ENETUNREACH",
  "ENETDOWN",
  "ENOTFOUND",
  "EAI_AGAIN",
]);

const unavailableStates = new Set([
  "25006", // read_only_sql_transaction: we reached a standby
  "25P03", // idle_in_transaction_session_timeout
  "57014", // query_canceled: statement_timeout
  "57P01", // admin_shutdown
  "57P02", // crash_shutdown
  "57P03", // cannot_connect_now
  "57P05", // idle_session_timeout
]);

// Connection exceptions, insufficient resources (too many connections, disk full), system errors.
const unavailableClasses = new Set(["08", "53", "58"]);
// protocol_violation: a statement that Postgres cannot take, such as one with too many parameters. A retry fails again.
const protocolViolation = "08P01";

const noTurnCode = "NO_TURN";

// Errors of node-pg, pg-pool and Kysely that have no code.
const unavailableMessages =
  /^(Connection terminated|Connection was abandoned|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|driver has already been destroyed|Postgres connection has been discarded)/;

/**
 * Returns whether the database cannot serve now (refused, reset, timed out, shutting down, out of resources, read only), so
 * that the same call may succeed later. Returns false for errors that a retry would not fix.
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const code = codeOf(error);
  if (code !== undefined) {
    if (unavailableCodes.has(code) || unavailableStates.has(code)) return true;
    if (code === protocolViolation) return false;
    if (isSqlState(code)) return unavailableClasses.has(code.slice(0, 2));
  }
  if (unavailableMessages.test(error.message)) return true;
  return error.cause !== undefined && isUnavailable(error.cause);
}

/**
 * Returns whether the server ended a statement because it ran too long or was cancelled. The database is reachable, so other
 * statements may succeed.
 */
export function isCancelled(error: unknown): boolean {
  return codeOf(error) === "57014";
}

/** Returns whether the server did not respond in time. The statement may still run, or the server may be gone. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

/**
 * The error of a COMMIT, or of a statement that is its own transaction, whose wait for the synchronous standby was cancelled.
 * It is committed only on this server, which may no longer be the primary. SQLSTATE 08007: transaction resolution unknown.
 */
export function unconfirmedCommit(): Error {
  return Object.assign(new Error("the synchronous standby did not confirm the commit"), { code: "08007" });
}

/** Returns whether the server has no room for one more connection or statement. Others may still succeed. */
export function isShortOfResources(error: unknown): boolean {
  return codeOf(error)?.startsWith("53") ?? false;
}

/** Returns whether a connection leads to a standby or to another read-only server. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === "25006";
}

/** The error of a transaction that may not begin because too many earlier commits got no response. SQLSTATE class 53. */
export function tooManyStuckCommits(): Error {
  return Object.assign(new Error("the database does not answer commits"), { code: "53000" });
}

/** The error of work that waited too long for its turn, or that found too much waiting work. The database is reachable. */
export function noTurn(): Error {
  return Object.assign(new Error("too much other work waits for a connection"), { code: noTurnCode });
}

/**
 * Returns whether the database is reachable, but other work delayed this work for too long: too much work waits, or a
 * statement reached its time limit, for example while it waited for a lock.
 */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === noTurnCode || isCancelled(error);
}

/** Returns an error for an operator whose database could not be opened: the address and the reason, without user and password. */
export function explainOpening(error: unknown, url: string): unknown {
  // The directory of a Unix socket is encoded in the URL.
  const host = decodeURIComponent(new URL(url).host);
  // A name with several addresses fails with one error for each address, and without its own message.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const why = first instanceof Error ? first.message : String(first);
  if (isUnavailable(error))
    return new Error(`cannot reach the database at ${host}: ${why}`, { cause: error });
  if (codeOf(error) === undefined) return error;
  return new Error(`the database at ${host}: ${why}`, { cause: error });
}

/** Returns whether a unique constraint (the named one, if given) refused a row. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (codeOf(error) !== "23505") return false;
  return constraint === undefined || fieldOf(error, "constraint") === constraint;
}

/** Returns whether a row fits in no partition of its table, because that partition was not added yet. */
export function isMissingPartition(error: unknown): boolean {
  return codeOf(error) === "23514" && fieldOf(error, "routine") === "ExecFindPartition";
}

/** Returns whether the whole transaction may be retried at once: serialization failure, deadlock, stale plan. */
export function isRetryable(error: unknown): boolean {
  const code = codeOf(error);
  return code === "40001" || code === "40P01" || isStalePlan(error);
}

/**
 * Returns whether a unique or foreign key refused a row. If another change was committed after the check, a retry sees that
 * change. If the retry fails too, it is a bug.
 */
export function isOvertaken(error: unknown): boolean {
  const code = codeOf(error);
  return code === "23505" || code === "23503";
}

/**
 * Returns whether a statement failed only because an earlier statement of its transaction had failed: the transaction is
 * aborted, or a named statement was never prepared.
 */
export function isAftermath(error: unknown): boolean {
  const code = codeOf(error);
  return code === "25P02" || code === "26000";
}

/** Returns whether a named statement was prepared before a migration changed its columns. */
export function isStalePlan(error: unknown): boolean {
  return codeOf(error) === "0A000" && fieldOf(error, "routine") === "RevalidateCachedQuery";
}

function codeOf(error: unknown): string | undefined {
  return fieldOf(error, "code");
}

function fieldOf(error: unknown, name: string): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const value: unknown = Reflect.get(error, name);
  return typeof value === "string" ? value : undefined;
}

// Node's own codes of five characters (EPIPE) begin with E. No SQLSTATE class does.
function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E");
}
