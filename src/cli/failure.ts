import type { LatchkeyError } from "../client/error.ts";

/** The exit codes of the command line. */
export const exitCodes = { refused: 1, usage: 2, unreachable: 3, interrupted: 130 } as const;

/** An error with the exit code of the process. Its message is one line for the caller. */
export type Failure = Error & { readonly exitCode: number };

/** Returns the error of a wrong command line. */
export function usageError(message: string, hint = "run `latchkey --help`"): Failure {
  return failureOf(hint === "" ? message : `${message}; ${hint}`, exitCodes.usage);
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

async function lineOf(error: LatchkeyError, { url, version, serverVersion }: FailedCall): Promise<string> {
  const { reason, message, metadata, retryAfterMs } = error;
  if (reason === "UNTRUSTED_CERTIFICATE")
    return `${message}; name the certificate of its authority with --ca FILE`;
  if (reason.endsWith("_SESSION")) return `${message}; log in again with \`latchkey login\``;
  if (reason === "DEADLINE_EXCEEDED") return `no answer from ${url} in time: ${message}`;
  if (reason === "ACCOUNT_REQUIRED")
    return `${message}; name one with --account: ${metadata.account_ids ?? "see `latchkey account list`"}`;
  if (reason === "RATE_LIMITED" && retryAfterMs !== undefined) {
    return `${message}; try again in ${Math.ceil(retryAfterMs / 1000)} s`;
  }
  if (reason !== "UNIMPLEMENTED") {
    return foreign.test(message)
      ? `the response of ${url} does not come from a Latchkey server, so check the address: ${message}`
      : message;
  }
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
