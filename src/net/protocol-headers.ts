import type { Request } from "./request.ts";

/** The header in which a user names the account. */
export const accountHeader = "latchkey-account";

// The names are trimmed before. Two patterns of spaces in one expression would take quadratic time.
const account = /^(acct_[a-z0-9]{0,26})?$/;

// Headers whose invalid values connect quotes in its errors, and `latchkey-account`, which an error of the service quotes.
const grammars: [name: string, grammar: RegExp][] = [
  ["connect-timeout-ms", /^\d{1,16}$/],
  ["grpc-timeout", /^\d{1,16}[HMSmun]$/],
  ["connect-protocol-version", /^\d{1,4}$/],
  ["content-encoding", /^[a-z0-9-]{0,16}$/i],
  ["connect-content-encoding", /^[a-z0-9-]{0,16}$/i],
  ["grpc-encoding", /^[a-z0-9-]{0,16}$/i],
  [accountHeader, account],
];
const parameters: [name: string, grammar: RegExp][] = [
  ["connect", /^v\d{1,4}$/],
  ["compression", /^[a-z0-9-]{0,16}$/i],
];

// This text is not a valid value of any of these headers and parameters.
const hidden = "(malformed)";

/** Returns a name of an account as errors may quote it: a malformed one is replaced by a text that is malformed too. */
export function quotableAccount(name: string): string {
  return account.test(name.trim()) ? name : hidden;
}

/**
 * Replaces malformed protocol values, so that no error can quote them: a client may have sent a token in the wrong header.
 * The replacement is malformed too, so the request fails with the same error.
 */
export function hideMalformed(request: Request): void {
  const { headers, url = "" } = request;
  for (const [name, grammar] of grammars) {
    const value = headers[name];
    if (value === undefined) continue;
    if (typeof value !== "string" || !grammar.test(name === accountHeader ? value.trim() : value))
      headers[name] = hidden;
  }
  const query = url.indexOf("?");
  if (query >= 0 && mayHaveParameter.test(url.slice(query))) hideInQuery(request, url);
}

// With a longer time, Node ends a timer at once, and writes a warning to stderr. Both are far above the longest deadline.
const maxTimerMs = 2 ** 31 - 1;
const longestConnectTimeout = `${maxTimerMs}`;
const longestGrpcTimeout = `${Math.floor(maxTimerMs / 1_000)}S`;
const millisecondsOf: Record<string, number> = { H: 3_600_000, M: 60_000, S: 1_000 };

/** Shortens deadlines that no timer of Node can hold. They remain too long, so the request fails with the same error. */
export function shortenDeadlines({ headers }: Request): void {
  const { "connect-timeout-ms": connect, "grpc-timeout": grpc } = headers;
  // Longer numbers are no valid deadlines.
  if (connect?.length === 10 && Number(connect) > maxTimerMs)
    headers["connect-timeout-ms"] = longestConnectTimeout;
  if (typeof grpc !== "string" || grpc.length > 9) return;
  if (Number(grpc.slice(0, -1)) * (millisecondsOf[grpc.slice(-1)] ?? 0) > maxTimerMs)
    headers["grpc-timeout"] = longestGrpcTimeout;
}

// Most queries have none of these parameters, not even encoded, and parsing a query takes long.
const mayHaveParameter = /[%+]|connect|compression/;

function hideInQuery(request: Request, url: string): void {
  const [path = "", query = ""] = split(url);
  const values = new URLSearchParams(query);
  const malformed = parameters.filter(([name, grammar]) =>
    values.getAll(name).some((one) => !grammar.test(one)),
  );
  if (malformed.length === 0) return;
  for (const [name] of malformed) values.set(name, hidden);
  const changed = `${path}?${values}`;
  if ("stream" in request) request.headers[":path"] = changed;
  else request.url = changed;
}

function split(url: string): [path: string, query: string] {
  const at = url.indexOf("?");
  return [url.slice(0, at), url.slice(at + 1)];
}
