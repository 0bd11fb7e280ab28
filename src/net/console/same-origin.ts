import type { Request } from "../request.ts";
import type { OwnOrigin } from "./own-origin.ts";

/** Why a request with the header of the console is refused. */
export interface ConsoleRefusal {
  /** Whether the request comes from a page of another origin, or is of another kind than the requests of the console. */
  kind: "foreign" | "unsupported";
  message: string;
  /** The header that is wrong. */
  header: string;
}

/** The header that the console sends with each call. Pages of other origins cannot send it without a preflight request. */
export const consoleHeader = "latchkey-console";

// Connect's unary protocol and plain HTTP. A form of a foreign page cannot have these types.
const bodyTypes = /^application\/(?:json|proto)[ \t]*(?:;|$)/i;

/**
 * Returns why a request that has the header of the console is refused, or undefined if it comes from a page of the own origin.
 * `Sec-Fetch-Site` and `Origin` are set by browsers, and pages cannot change them. One of them must be present, and each one
 * that is present must be right.
 */
export function refusalOf(request: Request, ownOrigin: OwnOrigin): ConsoleRefusal | undefined {
  const { headers } = request;
  const { "sec-fetch-site": site, origin, "content-type": type } = headers;
  if (headers[consoleHeader] !== "1") return unsupported(consoleHeader, `expected \`${consoleHeader}: 1\``);
  if (type !== undefined && !bodyTypes.test(type)) return unsupported("content-type", wrongType);
  if (site === undefined && origin === undefined) return foreign("origin", noOrigin);
  if (site !== undefined && site !== "same-origin") return foreign("sec-fetch-site", otherPage);
  if (origin === undefined) return undefined;
  const own = ownOrigin(request);
  if (own === undefined) return foreign("origin", unknownOrigin);
  return origin === own ? undefined : foreign("origin", otherOrigin);
}

const wrongType = `the header ${consoleHeader} works with Connect's unary protocol and with plain HTTP only: send application/json or application/proto`;
const noOrigin = `a call with the header ${consoleHeader} must come from a page of this server: it has neither Sec-Fetch-Site nor Origin`;
const otherPage = `a call with the header ${consoleHeader} must come from a page of this server: the page has another origin`;
const otherOrigin = `${otherPage}. If this is the console behind a proxy, set LATCHKEY_PUBLIC_URL to the origin in the browser's address bar`;
const unknownOrigin =
  "the server cannot tell its own origin from the headers of the proxy: set LATCHKEY_PUBLIC_URL to the origin in the browser's address bar";

function foreign(header: string, message: string): ConsoleRefusal {
  return { kind: "foreign", header, message };
}

function unsupported(header: string, message: string): ConsoleRefusal {
  return { kind: "unsupported", header, message };
}
