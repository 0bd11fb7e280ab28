/**
 * The name of the cookie with the session of the console. A browser accepts a cookie with this prefix only from this host, and
 * sends it to no other one (RFC 6265bis, 4.1.3.2).
 */
export const sessionCookie = "__Host-latchkey-session";

const attributes = "Path=/; Secure; HttpOnly; SameSite=Strict";

/** Returns the value of `Set-Cookie` that keeps a session for this many milliseconds. */
export function keptCookie(token: string, lifetimeMs: number): string {
  return `${sessionCookie}=${token}; Max-Age=${Math.floor(lifetimeMs / 1000)}; ${attributes}`;
}

/** The value of `Set-Cookie` that removes the session. */
export const removedCookie = `${sessionCookie}=; Max-Age=0; ${attributes}`;

/**
 * Returns the values of the session cookie in a `Cookie` header. More than one value means that another page of the host has
 * set a cookie with the same name, so none of them can be trusted. The name is compared exactly, and only spaces are removed
 * before it: browsers do not protect the prefix after other characters that count as white space.
 */
export function sessionCookiesIn(header: string): string[] {
  return header
    .split(";")
    .map((pair) => pair.replace(/^ +/, ""))
    .filter((pair) => pair.startsWith(`${sessionCookie}=`))
    .map((pair) => pair.slice(sessionCookie.length + 1));
}
