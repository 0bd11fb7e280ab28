import { readFileSync, statSync } from "node:fs";
import { isIP } from "node:net";
import { availableParallelism } from "node:os";
import { createSecureContext } from "node:tls";

/** Milliseconds of a day. */
export const day = 24 * 60 * 60 * 1000;
const maxWorkers = 64;

/** A TCP port; 0 means any free port. */
export function parsePort(text: string): number | undefined {
  const port = Number(text);
  return /^\d{1,5}$/.test(text) && port <= 65_535 ? port : undefined;
}

/** A whole number from 1 to 100,000,000. */
export function parseCount(text: string): number | undefined {
  return /^[1-9]\d{0,8}$/.test(text) && Number(text) <= 100_000_000 ? Number(text) : undefined;
}

/** A `postgres://` URL. */
export function parseDatabaseUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "postgres:" || url?.protocol === "postgresql:" ? text : undefined;
}

/** A `smtp://` or `smtps://` URL. */
export function parseSmtpUrl(text: string): string | undefined {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === "smtp:" || url?.protocol === "smtps:" ? text : undefined;
}

/** A web origin with `http` or `https`, as browsers write it. */
export function parseOrigin(text: string): string | undefined {
  return plainOrigin.test(text) && URL.canParse(text) && new URL(text).origin === text ? text : undefined;
}

// A URL also accepts characters in a host that have a meaning in a header.
const plainOrigin = /^https?:\/\/(?:[\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/;

/** Web origins, comma-separated, or `*`. */
export function parseOrigins(text: string): string[] | undefined {
  const origins = splitList(text);
  return origins.every(
    (origin) => origin === "*" || (URL.canParse(origin) && new URL(origin).origin === origin),
  )
    ? origins
    : undefined;
}

/** IP addresses or networks in CIDR notation, comma-separated. A network of all addresses (`/0`) is invalid. */
export function parseNetworks(text: string): string[] | undefined {
  const networks = splitList(text);
  return networks.every(isNetwork) ? networks : undefined;
}

function isNetwork(text: string): boolean {
  const [address = "", bits, ...more] = text.split("/");
  const family = isIP(address);
  if (family === 0 || more.length > 0) return false;
  return bits === undefined || (/^[1-9]\d{0,2}$/.test(bits) && Number(bits) <= (family === 4 ? 32 : 128));
}

/** Whether a host to listen on is reachable only from this machine. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** A number of processes, or `auto` for the number of cores. */
export function parseWorkers(text: string): number | undefined {
  if (text === "auto") return Math.min(availableParallelism(), maxWorkers);
  return /^[1-9]\d?$/.test(text) && Number(text) <= maxWorkers ? Number(text) : undefined;
}

/** Seconds from 0 to 60, as milliseconds. */
export function parseStaleness(text: string): number | undefined {
  const [, seconds] = /^(\d{1,2})s?$/.exec(text) ?? [];
  return seconds === undefined || Number(seconds) > 60 ? undefined : Number(seconds) * 1000;
}

/** `on` or `off`. */
export function parseSwitch(text: string): boolean | undefined {
  return text === "on" || text === "off" ? text === "on" : undefined;
}

/** A duration such as `30m`, `12h` or `7d`, as milliseconds. */
export function parseDuration(text: string): number | undefined {
  const [, count, unit] = /^([1-9]\d{0,6})([smhd])$/.exec(text) ?? [];
  const units: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: day };
  return count === undefined || unit === undefined ? undefined : Number(count) * (units[unit] ?? 0);
}

/** The contents of a readable file. */
export function readFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** Whether users other than the owner and its group cannot read a file. A missing file counts as private. */
export function isPrivateFile(path: string): boolean {
  const stats = statSync(path, { throwIfNoEntry: false });
  return process.platform === "win32" || stats === undefined || (stats.mode & 0o004) === 0;
}

/** Whether a certificate and a private key belong together. */
export function isPair(tls: { cert: Buffer; key: Buffer }): boolean {
  try {
    createSecureContext(tls);
    return true;
  } catch {
    return false;
  }
}

/** A text that matches a pattern. */
export function matching(pattern: RegExp): (text: string) => string | undefined {
  return (text) => (pattern.test(text) ? text : undefined);
}

/** The parts of a comma-separated list. */
export function splitList(text: string): string[] {
  return text.split(",").map((part) => part.trim());
}
