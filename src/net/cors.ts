import { cors } from "@connectrpc/connect";
import type { HandlerOf, Request, Response } from "./request.ts";

// Connect needs GET and POST. The HTTP/JSON routes need the others.
const methods = [...cors.allowedMethods, "HEAD", "PUT", "PATCH", "DELETE"].join(", ");
const requestHeaders = [
  ...cors.allowedHeaders,
  "authorization",
  "latchkey-account",
  "x-api-key",
  "x-request-id",
].join(", ");
const responseHeaders = [...cors.exposedHeaders, "x-request-id", "www-authenticate", "retry-after"].join(
  ", ",
);
const maxAgeSeconds = 7200;

/**
 * Lets web pages of these origins (`*`: of all origins) call the handler from a browser. The response never allows
 * credentials, and the cookie of the console counts for no other origin. Without origins, it adds no headers.
 */
export function withCors<Q extends Request, S extends Response>(
  origins: readonly string[],
  handler: HandlerOf<Q, S>,
): HandlerOf<Q, S> {
  if (origins.length === 0) return handler;
  const any = origins.includes("*");
  const allowed = new Set(origins);
  return (request, response) => {
    // Every response has this header, so that no cache serves the response for one origin to another.
    response.setHeader("Vary", "Origin");
    const origin = request.headers.origin;
    const permitted = origin !== undefined && (any || allowed.has(origin));
    if (permitted) response.setHeader("Access-Control-Allow-Origin", any ? "*" : origin);
    if (isPreflight(request)) answerPreflight(response, permitted);
    else {
      if (permitted) response.setHeader("Access-Control-Expose-Headers", responseHeaders);
      handler(request, response);
    }
  };
}

function isPreflight(request: Request): boolean {
  const { origin, "access-control-request-method": method } = request.headers;
  return request.method === "OPTIONS" && origin !== undefined && method !== undefined;
}

function answerPreflight(response: Response, permitted: boolean): void {
  if (permitted) {
    response.setHeader("Access-Control-Allow-Methods", methods);
    response.setHeader("Access-Control-Allow-Headers", requestHeaders);
    response.setHeader("Access-Control-Max-Age", String(maxAgeSeconds));
  }
  response.statusCode = 204;
  response.end();
}
