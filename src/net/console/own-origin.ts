import { createTrust } from "../client-address.ts";
import type { Request } from "../request.ts";

/** Returns the origin under which the browser of a request reaches this server, or undefined if that is not known. */
export type OwnOrigin = (request: Request) => string | undefined;

/** What the own origin depends on. */
export interface OwnOriginSettings {
  /** The origin under which all browsers reach the server. Unset: the requests name it. */
  publicUrl: string | undefined;
  /** Addresses or networks whose `X-Forwarded-Proto` and `X-Forwarded-Host` are trusted. */
  trustedProxies: readonly string[];
}

/**
 * Creates the function that finds the own origin of a request: the setting, else the scheme of the connection and the host
 * of the request. A trusted proxy may name both in `X-Forwarded-Proto` and `X-Forwarded-Host`. If one of them has several
 * values, the origin is not known, because a client could have sent the first one.
 */
export function createOwnOrigin({ publicUrl, trustedProxies }: OwnOriginSettings): OwnOrigin {
  if (publicUrl !== undefined) return () => publicUrl;
  const isTrusted = createTrust(trustedProxies);
  return (request) => {
    const { socket } = request;
    const own = { scheme: isEncrypted(socket) ? "https" : "http", host: hostOf(request) };
    if (!isTrusted(socket.remoteAddress ?? "")) return originOf(own);
    const { "x-forwarded-proto": scheme = own.scheme, "x-forwarded-host": host = own.host } = request.headers;
    return originOf({ scheme: String(scheme), host: String(host) });
  };
}

function isEncrypted(socket: object): boolean {
  return "encrypted" in socket && socket.encrypted === true;
}

function hostOf(request: Request): string {
  return "authority" in request ? request.authority : (request.headers.host ?? "");
}

const schemes = /^https?$/i;
// A name, an IPv4 address, or an IPv6 address in brackets, and a port. No list, path or user.
const hosts = /^(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i;

function originOf({ scheme, host }: { scheme: string; host: string }): string | undefined {
  const url = `${scheme}://${host}`;
  return schemes.test(scheme) && hosts.test(host) && URL.canParse(url) ? new URL(url).origin : undefined;
}
