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

// connection exceptions, insufficient resources (too many connections, disk full), system errors.
const unavailableClasses = new Set(["08", "53", "58"]);
// protocol_violation: a statement that Postgres cannot take, such as one with too many parameters. A retry fails again.
const protocolViolation = "08P01";

const noTurnCode = "NO_TURN";

// node-pg, pg-pool and Kysely give these no code.
const unavailableMessages =
  /^(Connection terminated|Connection was abandoned|timeout exceeded when trying to connect|timeout expired|Query read timeout|Client has encountered a connection error|Client was closed|Cannot use a pool after calling end|driver has already been destroyed|Postgres connection has been discarded)/;

/**
 * True where the database cannot serve now (refused, reset, timed out, shutting down, out of resources, read only), so
 * that the same call may succeed later. False for everything that a retry would not mend.
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
 * True where the server ended a statement because it ran for too long, or because it was cancelled. The database is there:
 * other statements may well succeed.
 */
export function isCancelled(error: unknown): boolean {
  return codeOf(error) === "57014";
}

/** True where no answer came in time: the statement may still run, or nothing may be there any more. */
export function isSilence(error: unknown): boolean {
  return error instanceof Error && error.message === "Query read timeout";
}

/**
 * For a COMMIT, or a statement that was its own transaction, whose wait for the synchronous standby was cut short: it holds
 * on this server alone, which may be the primary no longer. SQLSTATE 08007: transaction resolution unknown.
 */
export function unconfirmedCommit(): Error {
  return Object.assign(new Error("the synchronous standby did not confirm the commit"), { code: "08007" });
}

/** True where the server has no room for one more connection or statement. Others may well go on. */
export function isShortOfResources(error: unknown): boolean {
  return codeOf(error)?.startsWith("53") ?? false;
}

/** True where a connection leads to a standby, or to a server that takes no changes. */
export function isReadOnly(error: unknown): boolean {
  return codeOf(error) === "25006";
}

/** For a transaction that may not begin, because too many commits before it were never answered. SQLSTATE class 53. */
export function tooManyStuckCommits(): Error {
  return Object.assign(new Error("the database does not answer commits"), { code: "53000" });
}

/** For work that waited too long for its turn, or behind too much other work. The database is there. */
export function noTurn(): Error {
  return Object.assign(new Error("too much other work waits for a connection"), { code: noTurnCode });
}

/**
 * True where the database is there, but other work of the same account was in the way: too much of it waits, or a statement
 * waited for its locks or ran for as long as a statement may.
 */
export function isBusy(error: unknown): boolean {
  return codeOf(error) === noTurnCode || isCancelled(error);
}

/** What to tell a person of a database that could not be opened: where it is and why, but never how to log in there. */
export function explainOpening(error: unknown, url: string): unknown {
  // The directory of a Unix socket is encoded.
  const host = decodeURIComponent(new URL(url).host);
  // A name with several addresses fails with one error for each, and no message of its own.
  const first = error instanceof AggregateError ? error.errors[0] : error;
  const why = first instanceof Error ? first.message : String(first);
  if (isUnavailable(error))
    return new Error(`cannot reach the database at ${host}: ${why}`, { cause: error });
  if (codeOf(error) === undefined) return error;
  return new Error(`the database at ${host}: ${why}`, { cause: error });
}

/** True where a unique constraint (this one, if named) refused a row. */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  if (codeOf(error) !== "23505") return false;
  return constraint === undefined || fieldOf(error, "constraint") === constraint;
}

/** True where the whole transaction may be run again at once: serialization failure, deadlock, stale plan. */
export function isRetryable(error: unknown): boolean {
  const code = codeOf(error);
  return code === "40001" || code === "40P01" || isStalePlan(error);
}

/**
 * True where a unique or foreign key refused a row, as after a check that a change committed since then has overtaken:
 * run again, the check sees that change. What stays after that is a bug.
 */
export function isOvertaken(error: unknown): boolean {
  const code = codeOf(error);
  return code === "23505" || code === "23503";
}

/**
 * True for a statement that failed only because one before it in its transaction had failed: the transaction takes no more,
 * or a named statement was never prepared.
 */
export function isAftermath(error: unknown): boolean {
  const code = codeOf(error);
  return code === "25P02" || code === "26000";
}

/** True where a named statement was prepared before a migration changed its columns. */
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

// Node's own codes of five characters (EPIPE) begin with E; no class of SQLSTATE does.
function isSqlState(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !code.startsWith("E");
}
