import type { Request } from "./request.ts";

/**
 * Returns whether a request names at most one host. RFC 9112, 3.2: two `Host` headers are a bad request. RFC 9113, 8.3.1:
 * so is a `host` that differs from `:authority`. Otherwise, a proxy could check one of them while the server uses the other.
 */
export function hasOneHost(request: Request): boolean {
  if (!("stream" in request)) return countHosts(request.rawHeaders) <= 1;
  const { ":authority": authority, host } = request.headers;
  return authority === undefined || host === undefined || authority.toLowerCase() === host.toLowerCase();
}

/**
 * Creates a check of whether the host and the path of a request make a URL. The check remembers the last valid host, because
 * parsing takes long and most requests have the same host as the previous one.
 */
export function createAddressCheck(): (request: Request) => boolean {
  let known: string | undefined;
  return (request) => {
    const url = request.url ?? "";
    const authority = authorityOf(request);
    if (authority === known && plainPath.test(url)) return true;
    if (!URL.canParse(url, `http://${authority}`)) return false;
    known = authority;
    return true;
  };
}

// Such a path makes a valid URL with every valid host, with or without such a query.
const plainPath = /^\/[\w.-][\w./-]*(?:\?[\w.,:=&*-]*)?$/;

function authorityOf(request: Request): string {
  return "authority" in request ? request.authority : (request.headers.host ?? "");
}

// `rawHeaders` holds names and values alternately.
function countHosts(rawHeaders: string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
