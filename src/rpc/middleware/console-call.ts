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

const ended: readonly Reason[] = ["INVALID_SESSION", "EXPIRED_SESSION", "REVOKED_SESSION"];

/** Returns whether a call was refused because the session in the browser's cookie has ended. The browser keeps such a cookie. */
export function hasEndedCookie({ console }: Pick<CallRecord, "console">, error: unknown): boolean {
  return console?.hasCookieBearer === true && error instanceof DomainError && ended.includes(error.reason);
}
