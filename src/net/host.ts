import type { Request } from "./request.ts";

/**
 * Whether a request names at most one host. RFC 9112, 3.2: two `Host` headers are a bad request. RFC 9113, 8.3.1: so is a
 * `host` that differs from `:authority`. Otherwise, a proxy may check one of them and we use the other.
 */
export function hasOneHost(request: Request): boolean {
  if (!("stream" in request)) return countHosts(request.rawHeaders) <= 1;
  const { ":authority": authority, host } = request.headers;
  return authority === undefined || host === undefined || authority.toLowerCase() === host.toLowerCase();
}

// Names and values, in turns.
function countHosts(rawHeaders: string[]): number {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? "";
    if (name.length === 4 && name.toLowerCase() === "host") count += 1;
  }
  return count;
}
