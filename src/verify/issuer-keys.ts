import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { DomainError } from "../domain/error.ts";

/** What fetching keys depends on. */
export interface IssuerKeysDeps {
  /** Told of every failure to fetch them. */
  onFailure(issuer: string, error: unknown): void;
  /** Milliseconds of a monotonic clock. */
  clock?: () => number;
}

// Keys older than this are fetched again before they are used.
const freshMs = 10 * 60_000;
// While the issuer cannot be reached, keys serve for so long. A key that it took back is trusted no longer than that.
const usableMs = 60 * 60_000;
const timeoutMs = 3_000;
const maxBytes = 256 * 1024;
// A token that names an unknown key makes us look again. Whoever makes up key ids makes us look only so often.
const maxBurst = 5;
const refillMs = 10_000;

/**
 * The keys of an issuer, found through its discovery document (OpenID Connect Discovery 1.0, RFC 7517), kept, and looked
 * up again where a token names an unknown one. Throws `UNAVAILABLE` where they cannot be had, and jose's
 * `JWKSNoMatchingKey` where there is no such key.
 */
export function createIssuerKeys(issuer: string, deps: IssuerKeysDeps): JWTVerifyGetKey {
  const clock = deps.clock ?? (() => performance.now());
  let keys: { find: JWTVerifyGetKey; at: number } | undefined;
  let failed = false;
  let refreshing: Promise<void> | undefined;
  let budget = maxBurst;
  let refilledAt = clock();

  // Whether we may ask the issuer now.
  function spend(): boolean {
    const refills = Math.floor((clock() - refilledAt) / refillMs);
    budget = Math.min(maxBurst, budget + refills);
    refilledAt += refills * refillMs;
    if (budget === 0) return false;
    budget -= 1;
    return true;
  }

  async function fetchKeys(): Promise<void> {
    try {
      // By when they were asked for: an answer is no younger than its question.
      const at = clock();
      keys = { find: createLocalJWKSet(await discover(issuer)), at };
      failed = false;
    } catch (error) {
      failed = true;
      deps.onFailure(issuer, error);
    } finally {
      refreshing = undefined;
    }
  }

  async function refresh(): Promise<void> {
    if (!refreshing && spend()) refreshing = fetchKeys();
    await refreshing;
  }

  function usable(ageMs: number) {
    return keys && clock() - keys.at <= ageMs ? keys : undefined;
  }

  return async (header, token) => {
    if (!usable(freshMs)) await refresh();
    const known = usable(usableMs);
    if (!known) throw unreachable();
    try {
      return await known.find(header, token);
    } catch (error) {
      if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
    }
    await refresh();
    // It may be a new key that we could not learn of.
    if (failed || !keys) throw unreachable();
    return keys.find(header, token);
  };
}

async function discover(issuer: string): Promise<JSONWebKeySet> {
  const signal = AbortSignal.timeout(timeoutMs);
  const document = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
  // Discovery 4.3: exactly the issuer that was asked.
  if (document.issuer !== issuer) throw new Error("the discovery document is of another issuer");
  const { jwks_uri: keysUrl } = document;
  if (typeof keysUrl !== "string" || !URL.canParse(keysUrl)) throw new Error("no jwks_uri");
  const { protocol } = new URL(keysUrl);
  if (protocol !== "https:" && protocol !== new URL(issuer).protocol)
    throw new Error("jwks_uri is not https");
  const set = await fetchJson(keysUrl, signal);
  if (!Array.isArray(set.keys)) throw new Error("no JSON Web Key Set");
  return { keys: set.keys };
}

async function fetchJson(url: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const response = await fetch(url, { redirect: "error", signal, headers: { accept: "application/json" } });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`${url} answered ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`${url} answered more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof value !== "object" || value === null) throw new Error(`${url} answered no JSON object`);
  return value as Record<string, unknown>;
}

function unreachable(): DomainError {
  return new DomainError("UNAVAILABLE", "the keys of the token's issuer cannot be fetched: try again");
}
