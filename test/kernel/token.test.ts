import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { newId } from "../../src/domain/kernel/id.ts";
import {
  checksum,
  createTokenSearch,
  hashToken,
  mintToken,
  parseToken,
  parseTokenOfAnyPrefix,
  sameHash,
  type TokenKind,
} from "../../src/domain/kernel/token.ts";
import { runs } from "../support/random.ts";

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const idPrefixes: Record<TokenKind, string> = {
  live: "key",
  test: "key",
  svc: "key",
  dev: "key",
  ses: "ses",
  emb: "emb",
  inv: "inv",
  otp: "otp",
};
const kinds = fc.constantFrom(...(Object.keys(idPrefixes) as TokenKind[]));
const prefixes = fc.stringMatching(/^[a-z0-9]{2,10}-?$/);
const ulids = fc.stringMatching(/^[0-7][0-9a-hjkmnp-tv-z]{25}$/);
const tokens = fc.record({ prefix: prefixes, kind: kinds, ulid: ulids }).map(({ prefix, kind, ulid }) => {
  const id = `${idPrefixes[kind]}_${ulid}`;
  return { prefix, kind, id, ...mintToken(prefix, kind, id) };
});

// CRC-32 (IEEE 802.3), one bit at a time. The test computes it from the polynomial, so that it shares no code with
// the product.
function bitwiseCrc32(text: string): bigint {
  let crc = 0xffff_ffffn;
  for (const byte of Buffer.from(text)) {
    crc ^= BigInt(byte);
    for (let bit = 0; bit < 8; bit++) crc = (crc >> 1n) ^ (crc & 1n ? 0xedb8_8320n : 0n);
  }
  return crc ^ 0xffff_ffffn;
}

function expectedChecksum(text: string): string {
  const digits: string[] = [];
  for (let rest = bitwiseCrc32(text); rest > 0n; rest /= 62n)
    digits.unshift(base62.charAt(Number(rest % 62n)));
  return digits.join("").padStart(6, "0");
}

describe("the checksum", () => {
  test("equals the published vector", () => {
    // "123456789" is the check value of CRC-32: 0xcbf43926.
    expect(bitwiseCrc32("123456789")).toBe(0xcbf4_3926n);
    expect(checksum("123456789")).toBe("3jZRME");
    const token = "lk_live_01jd00000000000000000000000123456789ABCDEFGHIJKLMNOPQRSTUV1SUeyw";
    expect(token.slice(-6)).toBe(expectedChecksum(token.slice(0, -6)));
    expect(parseToken("lk", token)).toEqual({ kind: "live", id: "key_01jd0000000000000000000000" });
    const other = "ps-live-01jd00000000000000000000000123456789ABCDEFGHIJKLMNOPQRSTUV4fJDxK";
    expect(other.slice(-6)).toBe(expectedChecksum(other.slice(0, -6)));
    expect(parseToken("ps-", other)).toEqual({ kind: "live", id: "key_01jd0000000000000000000000" });
  });

  test("is CRC-32 in six characters of base62, for every text", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(checksum(text)).toBe(expectedChecksum(text));
      }),
    );
  });

  test("is padded on the left with 0", () => {
    expect(checksum("")).toBe("000000");
  });
});

const startOf = (prefix: string, kind: TokenKind) =>
  prefix.endsWith("-") ? `${prefix}${kind}-` : `${prefix}_${kind}_`;

// biome-ignore lint/complexity/noExcessiveLinesPerFunction: groups the tests of one promise.
describe("a minted token", () => {
  test("parses to its kind and id, only in its own deployment", () => {
    fc.assert(
      fc.property(tokens, prefixes, ({ prefix, kind, id, token }, other) => {
        expect(parseToken(prefix, token)).toEqual({ kind, id });
        if (other !== prefix) expect(parseToken(other, token)).toBeUndefined();
      }),
    );
  });

  test("has the form that scanners and double-clicks rely on", () => {
    fc.assert(
      fc.property(tokens, ({ prefix, kind, id, token }) => {
        const ulid = id.slice(4);
        const start = startOf(prefix, kind);
        if (!prefix.endsWith("-")) expect(token).toMatch(/^[A-Za-z0-9_]+$/);
        expect(token).toMatch(new RegExp(`^${start}${ulid}[0-9A-Za-z]{32}[0-9A-Za-z]{6}$`));
        expect(token.slice(-6)).toBe(expectedChecksum(token.slice(0, -6)));
      }),
    );
  });

  test("parses with any prefix, and is rejected with the other separator", () => {
    fc.assert(
      fc.property(tokens, ({ prefix, kind, id, token }) => {
        expect(parseTokenOfAnyPrefix(token)).toEqual({ kind, id });
        const isDash = prefix.endsWith("-");
        const [other, otherPrefix] = isDash
          ? [token.replaceAll("-", "_"), prefix.slice(0, -1)]
          : [token.replaceAll("_", "-"), `${prefix}-`];
        expect(parseToken(prefix, other)).toBeUndefined();
        expect(parseToken(otherPrefix, token)).toBeUndefined();
        // The check covers the separators. A correct check does not help if only one of them is different.
        const mixed = token.slice(0, -6).replace(/[_-](?=[a-z]+[_-])/, isDash ? "_" : "-");
        for (const one of [prefix, otherPrefix]) {
          expect(parseToken(one, mixed + checksum(mixed))).toBeUndefined();
        }
        expect(parseTokenOfAnyPrefix(mixed + checksum(mixed))).toBeUndefined();
      }),
    );
  });

  test("matches the pattern for secret scanners on the page about tokens", () => {
    const page = readFileSync(new URL("../../docs/tokens.md", import.meta.url), "utf8");
    const [, pattern = ""] = /^```\n(\[a-z0-9\].*)\n```$/m.exec(page) ?? [];
    fc.assert(
      fc.property(tokens, ({ token }) => {
        expect(new RegExp(pattern).exec(`x = "${token}";`)?.[0]).toBe(token);
      }),
    );
    expect("lk_live_01jd").not.toMatch(new RegExp(pattern));
  });

  test("is rejected if any one character changes", () => {
    const other = fc.constantFrom(...base62, "_", "-", " ", "é", "\0");
    fc.assert(
      fc.property(tokens, fc.nat(), other, ({ prefix, token }, at, character) => {
        const index = at % token.length;
        fc.pre(token[index] !== character);
        expect(
          parseToken(prefix, token.slice(0, index) + character + token.slice(index + 1)),
        ).toBeUndefined();
      }),
      { numRuns: runs(1000) },
    );
  });

  test("is rejected if it is cut short or has text around it", () => {
    fc.assert(
      fc.property(tokens, fc.string({ minLength: 1, maxLength: 8 }), ({ prefix, token }, extra) => {
        for (let length = 0; length < token.length; length++) {
          expect(parseToken(prefix, token.slice(0, length))).toBeUndefined();
          expect(parseToken(prefix, token.slice(length + 1))).toBeUndefined();
        }
        expect(parseToken(prefix, token + extra)).toBeUndefined();
        expect(parseToken(prefix, extra + token)).toBeUndefined();
      }),
    );
  });

  test("is never minted twice, and its secret uses every character of the alphabet", () => {
    const id = newId("key");
    const minted = Array.from({ length: 500 }, () => mintToken("lk", "live", id).token);
    expect(new Set(minted).size).toBe(500);
    const seen = new Set(minted.flatMap((token) => [...token.slice(-38, -6)]));
    expect([...seen].sort()).toEqual([...base62].sort());
  });

  test("is stored as its SHA-256, and its hint reveals neither secret nor hash", () => {
    fc.assert(
      fc.property(tokens, ({ token, hash, hint, prefix, kind, id }) => {
        expect(hash).toEqual(hashToken(token));
        expect(hash).toHaveLength(32);
        expect(hint).toBe(`${startOf(prefix, kind)}${id.slice(4)}…${token.slice(-4)}`);
      }),
    );
  });
});

test("garbage is not a token", () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseToken("lk", text)).toBeUndefined();
    }),
  );
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(parseToken("lk", `lk_live_${text}`)).toBeUndefined();
    }),
  );
});

test("a search finds tokens and JWTs, whole or cut, at any place", () => {
  const hasToken = createTokenSearch("lk");
  const { token } = mintToken("lk", "live", newId("key"));
  const jwt = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJ1c2VyIn0.c2lnbmF0dXJl";
  for (const secret of [token, token.slice(0, 30), jwt, jwt.slice(0, 33)]) {
    for (const text of [secret, `a.b-${secret}`, `Bearer ${secret}.x`]) {
      expect([text, hasToken(text)]).toEqual([text, true]);
    }
  }
  for (const text of ["lk_live_", "key_01jd0", "eyJhbGciOiJFUzI1NiJ9", "eyJ.eyJ.eyJ", "a.eyJhbGciOiJF"]) {
    expect([text, hasToken(text)]).toEqual([text, false]);
  }
});

test("two hashes are the same only if all their bytes are equal", () => {
  const hash = hashToken("a");
  expect(sameHash(hash, hashToken("a"))).toBe(true);
  expect(sameHash(hash, hashToken("b"))).toBe(false);
  expect(sameHash(hash, hash.subarray(0, 31))).toBe(false);
});
