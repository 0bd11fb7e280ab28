import type { IncomingMessage } from "node:http";

const name = "authorization";

/**
 * Returns the `Authorization` of a request to a server of Node. If there are several, the result is no bearer: Node keeps the
 * first one, and a proxy in front may have checked another one.
 */
export function authorizationOf(request: IncomingMessage): string | undefined {
  const { headers } = request;
  // The requests of some test tools and serverless hosts have no raw headers.
  const rawHeaders: readonly string[] = request.rawHeaders ?? [];
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const one = rawHeaders[at] ?? "";
    if (one.length === name.length && one.toLowerCase() === name) count += 1;
  }
  return count > 1 ? "" : headers.authorization;
}
