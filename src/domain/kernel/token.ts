import { hash as digest, randomBytes, timingSafeEqual } from "node:crypto";
import { crc32 } from "node:zlib";

/** The kind of a token. `live` and `test` are application keys, `svc` is service and system keys, `emb` is embed sessions. */
export type TokenKind = "live" | "test" | "svc" | "dev" | "ses" | "emb" | "inv" | "otp";

/** A new token: the string itself, which is shown once, and the parts of it that are stored. */
export interface MintedToken {
  token: string;
  hash: Buffer;
  hint: string;
}

/** Mints tokens of this deployment. */
export type Mint = (kind: TokenKind, id: string) => MintedToken;

/** The parts of a well-formed token: its kind and the id of its record. The record may not exist. */
export interface ParsedToken {
  kind: TokenKind;
  id: string;
}

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const secretLength = 32;
const checkLength = 6;
const idPrefix: Record<TokenKind, string> = {
  live: "key",
  test: "key",
  svc: "key",
  dev: "key",
  ses: "ses",
  emb: "emb",
  inv: "inv",
  otp: "otp",
};
const bodies = {
  _: /^(live|test|svc|dev|ses|emb|inv|otp)_([0-7][0-9a-hjkmnp-tv-z]{25})[0-9A-Za-z]{38}$/,
  "-": /^(live|test|svc|dev|ses|emb|inv|otp)-([0-7][0-9a-hjkmnp-tv-z]{25})[0-9A-Za-z]{38}$/,
};

/**
 * Mints a token for the record `id`: `<prefix>_<kind>_<ulid><secret><check>`, with 190 random bits in the secret. If the prefix
 * ends in `-`, the token has `-` in place of each `_`.
 */
export function mintToken(prefix: string, kind: TokenKind, id: string): MintedToken {
  const separator = separatorOf(prefix);
  const start = `${nameOf(prefix)}${separator}${kind}${separator}${ulidOf(id)}`;
  const unchecked = start + randomBase62(secretLength);
  const token = unchecked + checksum(unchecked);
  return { token, hash: hashToken(token), hint: `${start}…${token.slice(-4)}` };
}

/**
 * Returns the parts of a token of any deployment. Only `RevokeToken` uses it. It must also end tokens that an instance
 * with another `LATCHKEY_TOKEN_PREFIX` on the same database has minted.
 */
export function parseTokenOfAnyPrefix(token: string): ParsedToken | undefined {
  const [, name, separator] = /^([a-z0-9]{2,10})([_-])/.exec(token) ?? [];
  return name === undefined ? undefined : parseToken(separator === "-" ? `${name}-` : name, token);
}

/** Returns the parts of a token of this deployment, or undefined for any other text. */
export function parseToken(prefix: string, token: string): ParsedToken | undefined {
  const separator = separatorOf(prefix);
  const start = `${nameOf(prefix)}${separator}`;
  if (!token.startsWith(start)) return undefined;
  const match = bodies[separator].exec(token.slice(start.length));
  const [, kind, ulid] = match ?? [];
  if (kind === undefined || checksum(token.slice(0, -checkLength)) !== token.slice(-checkLength))
    return undefined;
  return { kind: kind as TokenKind, id: `${idPrefix[kind as TokenKind]}_${ulid}` };
}

/** Returns a search for tokens of this deployment, whole or cut, and for JWTs. */
export function createTokenSearch(prefix: string): (text: string) => boolean {
  const kinds = Object.keys(idPrefix).join("|");
  const search = new RegExp(`${nameOf(prefix)}[_-](?:${kinds})[_-][0-9a-z]{16}`, "i");
  return (text) => search.test(text) || hasJwt(text);
}

// One expression for both parts would take quadratic time, because the first part has no fixed length.
function hasJwt(text: string): boolean {
  if (!/\.eyJ/i.test(text)) return false;
  const parts = text.split(".").map((part) => /eyJ[\w-]{8}/i.exec(part)?.index);
  return parts.some((start, index) => start === 0 && index > 0 && parts[index - 1] !== undefined);
}

/**
 * Returns the SHA-256 of a token. It is not a password hash, because a token carries 190 random bits and cannot be
 * guessed.
 */
export function hashToken(token: string): Buffer {
  return digest("sha256", token, "buffer");
}

/** Returns the same hash as a string of 32 bytes (latin1). The cache stores and compares this form. */
export function digestToken(token: string): string {
  return digest("sha256", token, "binary");
}

/** Returns the digest of a stored hash, which is hexadecimal. */
export function digestOf(hash: string): string {
  return Buffer.from(hash, "hex").toString("latin1");
}

/**
 * Returns the id by which a response names a token of a key: 96 bits of the SHA-256 of its digest, in hexadecimal. The token
 * does not follow from it. In SQL, it is `left(encode(sha256(hash), 'hex'), 24)`.
 */
export function shownTokenId(tokenDigest: string): string {
  return digest("sha256", Buffer.from(tokenDigest, "latin1"), "hex").slice(0, 24);
}

/** Compares two digests in a time that does not depend on where they differ. */
export function sameDigest(a: string, b: string): boolean {
  if (a.length !== b.length) return false;
  let differences = 0;
  for (let i = 0; i < a.length; i++) differences |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return differences === 0;
}

/** Compares two hashes in constant time. */
export function sameHash(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** Returns the CRC-32 (IEEE) in 6 characters of base62, most significant first, left-padded with `0`. */
export function checksum(text: string): string {
  let rest = crc32(text);
  let out = "";
  for (let i = 0; i < checkLength; i++) {
    out = base62[rest % 62] + out;
    rest = Math.floor(rest / 62);
  }
  return out;
}

function separatorOf(prefix: string): "_" | "-" {
  return prefix.endsWith("-") ? "-" : "_";
}

function nameOf(prefix: string): string {
  return prefix.endsWith("-") ? prefix.slice(0, -1) : prefix;
}

function randomBase62(length: number): string {
  let out = "";
  while (out.length < length) {
    // 248 is 4 × 62. Larger bytes would make the first characters of the alphabet likelier.
    for (const byte of randomBytes(length)) if (byte < 248 && out.length < length) out += base62[byte % 62];
  }
  return out;
}

// The ULID of an id, without the prefix.
function ulidOf(id: string): string {
  return id.slice(id.indexOf("_") + 1);
}
