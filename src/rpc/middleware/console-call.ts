import { Code, ConnectError, type HandlerContext } from "@connectrpc/connect";
import { DomainError, type Reason } from "../../domain/kernel/error.ts";
import { type CallRecord, recordOf } from "./context.ts";

/** Fails if a call has the header of the console, but does not come from a page of this server. */
export function requireOwnPage({ console }: Pick<CallRecord, "console">): void {
  const refusal = console?.refusal;
  if (!refusal) return;
  const { kind, message, header } = refusal;
  throw kind === "foreign"
    ? new DomainError("FOREIGN_ORIGIN", message, { header })
    : new ConnectError(`${header}: ${message}`, Code.InvalidArgument);
}

/**
 * Returns the token of a new session as the response may contain it. The browser of the console gets it in a cookie, which no
 * script can read, and the response is empty.
 */
export function handOver({ values }: Pick<HandlerContext, "values">, token: string): string {
  const { console } = recordOf(values);
  if (!console || token === "") return token;
  console.keepSession(token);
  return "";
}

/** Returns whether a page of this server makes a call, so that a new session can be kept in the browser's cookie. */
export function isFromConsole({ values }: Pick<HandlerContext, "values">): boolean {
  return recordOf(values).console !== undefined;
}

/** Returns whether the bearer of a call is the session in the browser's cookie. */
export function hasCookieBearer({ values }: Pick<HandlerContext, "values">): boolean {
  return recordOf(values).console?.hasCookieBearer ?? false;
}

/** Removes the session that a call has ended, and what else the pages of the console stored, from the browser. */
export function clearBrowser({ values }: Pick<HandlerContext, "values">): void {
  const { console } = recordOf(values);
  if (console?.hasCookieBearer) console.clearBrowser();
}

// The cookie is of no use any more. `INVALID_CREDENTIALS` is not among these: it is about a password in the request.
const rejected: readonly Reason[] = [
  "INVALID_API_KEY",
  "INVALID_SESSION",
  "EXPIRED_SESSION",
  "REVOKED_SESSION",
];

/** Removes the session from the browser if a call failed because the session is rejected. */
export function dropRejected({ console }: CallRecord, error: unknown): void {
  if (console?.hasCookieBearer && error instanceof DomainError && rejected.includes(error.reason))
    console.dropSession();
}
