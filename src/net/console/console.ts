import type { FastPath } from "../fast-path/fast-path.ts";
import type { HandlerOf, Request, Response } from "../request.ts";
import type { OwnOrigin } from "./own-origin.ts";
import { type ConsoleRefusal, consoleHeader, refusalOf } from "./same-origin.ts";
import { keptCookie, removedCookie, sessionCookiesIn } from "./session-cookie.ts";

/** A call with the header of the console. */
export interface ConsoleCall {
  /** Why the call must be refused. Unset: it comes from a page of the own origin. */
  readonly refusal: ConsoleRefusal | undefined;
  /** Whether the bearer of the call is the session in the cookie. */
  readonly hasCookieBearer: boolean;
  /** Makes the response set the cookie. */
  keepSession(token: string): void;
  /**
   * Makes the response remove the cookie, and everything that the pages of the origin have stored. Only for a log-out: a
   * refusal that arrives late would remove the cookie of a newer session.
   */
  clearBrowser(): void;
}

/** What the console depends on. */
export interface ConsoleOptions {
  ownOrigin: OwnOrigin;
  /** How long the browser keeps a session, in milliseconds. */
  sessionLifetimeMs: number;
  /** Returns whether a text has the form of a session's token. */
  isSession(text: string): boolean;
  /** Called with each request that has the header of the console, before the request is answered. */
  onCall(request: Request, call: ConsoleCall): void;
}

// A link or an image of a foreign page can cause a GET. A form can send a POST, but not the header of the console.
const changing: ReadonlySet<string> = new Set(["POST", "PUT", "PATCH", "DELETE"]);

// A request with one of these headers has its own bearer. Then the cookie is ignored.
const bearerHeaders = ["authorization", "x-api-key", "latchkey-verifier"] as const;

/**
 * Turns the session cookie of the console's calls into their bearer. This is the only place that reads the cookie. A request
 * without the header of the console has no session, whatever cookies it has.
 *
 * The cookie counts only if all of this holds: the page is of the own origin (`refusalOf`), the method is neither GET nor
 * HEAD, no other bearer is present, and there is exactly one cookie, with a session's token.
 */
export function withConsole(options: ConsoleOptions, { handler, plain }: FastPath): FastPath {
  function outer<Q extends Request, S extends Response>(next: HandlerOf<Q, S>): HandlerOf<Q, S> {
    return (request, response) => {
      if (request.headers[consoleHeader] !== undefined) begin(options, request, response);
      next(request, response);
    };
  }
  return { handler: outer(handler), plain: { accepts: plain.accepts, handler: outer(plain.handler) } };
}

function begin(
  { ownOrigin, isSession, onCall, sessionLifetimeMs }: ConsoleOptions,
  request: Request,
  response: Response,
): void {
  const { headers, method = "" } = request;
  const cookies = sessionCookiesIn(headers.cookie ?? "");
  // No code after this line sees a cookie.
  delete headers.cookie;
  response.setHeader("Cache-Control", "no-store");
  const refusal = refusalOf(request, ownOrigin);
  const [token] = cookies;
  const mayCount =
    !refusal && changing.has(method) && bearerHeaders.every((name) => headers[name] === undefined);
  const isUsable = token !== undefined && cookies.length === 1 && isSession(token);
  const hasCookieBearer = mayCount && isUsable;
  function set(name: string, value: string): void {
    if (!response.headersSent) response.setHeader(name, value);
  }
  const call: ConsoleCall = {
    refusal,
    hasCookieBearer,
    keepSession: (minted) => set("Set-Cookie", keptCookie(minted, sessionLifetimeMs)),
    clearBrowser() {
      set("Set-Cookie", removedCookie);
      // "cookies" is not in the list, because browsers would then remove the cookies of all hosts of the domain.
      set("Clear-Site-Data", '"storage"');
    },
  };
  if (hasCookieBearer) headers.authorization = `Bearer ${token}`;
  onCall(request, call);
}
