import type { LatchkeyError } from "../client/error.ts";

/** The exit codes of the command line. */
export const exitCodes = { refused: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

/** An error with the exit code of the process. Its message is one line for the caller. */
export type Failure = Error & { readonly exitCode: number };

/** Returns the error of a wrong command line. Without a hint, its line names the help of the command. */
export function usageError(message: string, hint?: string): Failure {
  const failure = failureOf(hint ? `${message}; ${hint}` : message, exitCodes.usage);
  return Object.assign(failure, { namesHelp: hint === undefined });
}

/** Returns whether the line of an error names the help of its command. */
export function namesHelp(error: unknown): boolean {
  return error instanceof Error && "namesHelp" in error && error.namesHelp === true;
}

/** Returns an error that ends the process with this code. */
export function failureOf(message: string, exitCode: number = exitCodes.refused): Failure {
  return Object.assign(new Error(message), { exitCode });
}

/** Returns the error of a caller that pressed Ctrl-C. */
export function interrupted(message = "interrupted"): Failure {
  return failureOf(message, exitCodes.interrupted);
}

/** Returns the exit code for an error. */
export function exitCodeOf(error: unknown): number {
  if (isLatchkeyError(error)) return isUnreachable(error) ? exitCodes.unreachable : exitCodes.refused;
  return error instanceof Error && "exitCode" in error && typeof error.exitCode === "number"
    ? error.exitCode
    : exitCodes.refused;
}

/** What the lines about an error may name. */
export interface FailedCall {
  url: string;
  /** The version of this program. */
  version: string;
  /** Where the token of the call is from, such as `LATCHKEY_TOKEN`, if it had one. */
  tokenSource: string | undefined;
  /** Returns the command that lists resources of a kind such as `service account`, if there is one. */
  listCommand(kind: string): Promise<string | undefined>;
  /** Returns the version of the server, if it has one. */
  serverVersion(): Promise<string | undefined>;
}

/** Returns the lines that a person reads about a failed call. */
export async function linesOf(error: unknown, call: FailedCall): Promise<string[]> {
  if (!isLatchkeyError(error)) return [error instanceof Error ? error.message : String(error)];
  if (error.violations.length > 0)
    return error.violations.map(({ field, description }) => `${field}: ${description}`);
  return [await lineOf(error, call)];
}

// The client's messages about redirections, pages, binary data and servers of other protocols.
const foreign = /^(?:HTTP \d{3}$|unsupported content type|Parse Error|parse binary:)/;

async function lineOf(error: LatchkeyError, call: FailedCall): Promise<string> {
  const { reason, message } = error;
  if (reason === "UNIMPLEMENTED") return unknownCall(message, call);
  if (foreign.test(message))
    return `the response of ${call.url} does not come from a Latchkey server, so check the address: ${message}`;
  const remedy = await remedyOf(error, call);
  if (reason === "DEADLINE_EXCEEDED") return `no answer from ${call.url} in time: ${message}`;
  const source = isOfCredential.test(reason) && call.tokenSource ? ` (the token of ${call.tokenSource})` : "";
  return `${message}${source}${remedy === undefined ? "" : `; ${remedy}`}`;
}

const isOfCredential = /^(?:INVALID|EXPIRED|REVOKED|DISABLED)_(?:API_KEY|SESSION)$/;

/** Returns what the caller can do about an error, if that is known. */
async function remedyOf(
  { reason, message, metadata, retryAfterMs }: LatchkeyError,
  { listCommand, tokenSource }: FailedCall,
): Promise<string | undefined> {
  if (reason.endsWith("_SESSION") || (isOfCredential.test(reason) && tokenSource === lastLogin))
    return "log in again with `latchkey login`";
  if (reason === "UNTRUSTED_CERTIFICATE") return "name the certificate of its authority with --ca FILE";
  if (reason === "ACCOUNT_REQUIRED")
    return `name one with --account: ${metadata.account_ids ?? "see `latchkey account list`"}`;
  if (reason === "RATE_LIMITED" && retryAfterMs !== undefined)
    return `try again in ${Math.ceil(retryAfterMs / 1000)} s`;
  if (reason === "PERMISSION_DENIED") return "`latchkey whoami` shows what the caller may do";
  const [, kind = ""] = reason === "NOT_FOUND" ? (/^([\w ]{1,40}) not found$/.exec(message) ?? []) : [];
  const list = kind === "" ? undefined : await listCommand(kind);
  return list && `\`${list}\` lists those of the account`;
}

/** The source of a token that `latchkey login` has kept. */
export const lastLogin = "the last login";

async function unknownCall(message: string, { url, version, serverVersion }: FailedCall): Promise<string> {
  const other = await serverVersion();
  if (other === undefined) {
    return `the server at ${url} does not know this call: it is not a Latchkey server, or its version is not ${version}`;
  }
  return other === version
    ? message
    : `the server at ${url} is Latchkey ${other} and does not know this call of Latchkey ${version}: ${message}`;
}

/** Returns whether an error is one of the client. By name, because loading the client takes most of the start. */
export function isLatchkeyError(error: unknown): error is LatchkeyError {
  return error instanceof Error && error.name === "LatchkeyError";
}

function isUnreachable({ reason }: LatchkeyError): boolean {
  return ["UNREACHABLE", "UNTRUSTED_CERTIFICATE", "UNAVAILABLE", "DEADLINE_EXCEEDED"].includes(reason);
}
