import type { Arrival } from "../middleware/context.ts";

type RequestHeader = Arrival["requestHeader"];

/**
 * Returns the headers of a request in which HTTP Basic client authentication (RFC 6749, section 2.3.1) is replaced by the
 * bearer that it contains: the client secret is the token. The client id is not compared. Malformed credentials stay as
 * they are, and are then refused.
 */
export function withBasicAsBearer(header: RequestHeader): RequestHeader {
  const secret = secretOf(header.get("authorization") ?? "");
  if (secret === undefined) return header;
  return {
    has: header.has,
    get: (name) => (name === "authorization" ? `Bearer ${secret}` : header.get(name)),
  };
}

// The scheme, and base64 with or without padding.
const basic = /^Basic +([A-Za-z0-9+/]+={0,2})$/i;

function secretOf(authorization: string): string | undefined {
  const [, credentials] = basic.exec(authorization.trim()) ?? [];
  if (credentials === undefined) return undefined;
  const text = Buffer.from(credentials, "base64").toString("latin1");
  const colon = text.indexOf(":");
  const secret = colon < 0 ? undefined : decoded(text.slice(colon + 1));
  // A bearer has these characters only. Anything else could become another header value.
  return secret !== undefined && /^[!-~]+$/.test(secret) ? secret : undefined;
}

// Section 2.3.1: both parts are encoded as in a form.
function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
