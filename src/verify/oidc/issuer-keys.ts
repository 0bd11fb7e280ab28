import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { DomainError } from "../../domain/kernel/error.ts";
import { createBoundedRefresh } from "./bounded-refresh.ts";

/** What fetching keys depends on. */
export interface IssuerKeysDeps {
  /** Called for every failed fetch of keys. */
  onFailure(issuer: string, error: unknown): void;
  /** Returns the milliseconds of a monotonic clock. */
  clock?: () => number;
  /** Resolves after so many milliseconds. */
  pause?: (ms: number) => Promise<void>;
}

// Older keys are fetched again before they are used.
const freshMs = 10 * 60_000;
// While the issuer is unreachable, its keys are used for this time. A key that the issuer removed is trusted no longer.
const usableMs = 60 * 60_000;
const timeoutMs = 3_000;
const maxBytes = 256 * 1024;
// A token that names an unknown key causes a fetch. Invented key ids cause only a limited number of fetches: five in a row,
// and after that one per five seconds.
const maxBurst = 5;
const refillMs = 5_000;
// At most so many tokens with an unknown key wait for the next fetch. Further ones fail with `UNAVAILABLE`.
const maxWaiting = 64;

/**
 * Creates the keys of an issuer (OpenID Connect Discovery 1.0, RFC 7517). They are found through the discovery document
 * and cached. If a token names an unknown key, they are fetched again. A key counts as unknown only if a fetch that began
 * after the token arrived did not find it. Therefore, a flood of invented key ids does not hide a new key. Fails with
 * `UNAVAILABLE` if the keys cannot be fetched now, and with jose's `JWKSNoMatchingKey` if there is no such key.
 */
export function createIssuerKeys(issuer: string, deps: IssuerKeysDeps): JWTVerifyGetKey {
  const { clock = () => performance.now(), pause = sleep } = deps;
  let keys: { find: JWTVerifyGetKey; at: number } | undefined;
  let failed = false;
  let waiting = 0;
  const fetches = createBoundedRefresh(fetchKeys, { burst: maxBurst, refillMs, clock, pause });

  async function fetchKeys(): Promise<void> {
    try {
      // The age counts from the request, because the response may be as old as that.
      const at = clock();
      keys = { find: createLocalJWKSet(await discover(issuer)), at };
      failed = false;
    } catch (error) {
      failed = true;
      deps.onFailure(issuer, error);
    }
  }

  async function nextFetch(): Promise<void> {
    const begins = fetches.now();
    if (begins) return begins;
    if (waiting >= maxWaiting) throw unreachable();
    waiting += 1;
    await fetches.soon().finally(() => (waiting -= 1));
  }

  function usable(ageMs: number) {
    return keys && clock() - keys.at <= ageMs ? keys : undefined;
  }

  return async (header, token) => {
    const { begun } = fetches.counts();
    if (!usable(freshMs)) await fetches.now();
    for (;;) {
      const known = usable(usableMs);
      if (!known) throw unreachable();
      try {
        return await known.find(header, token);
      } catch (error) {
        if (!(error instanceof errors.JWKSNoMatchingKey)) throw error;
        // If the fetch failed, the key may be new.
        if (fetches.counts().ended > begun) throw failed ? unreachable() : error;
      }
      await nextFetch();
    }
  };
}

async function discover(issuer: string): Promise<JSONWebKeySet> {
  const signal = AbortSignal.timeout(timeoutMs);
  const document = await fetchJson(`${issuer.replace(/\/$/, "")}/.well-known/openid-configuration`, signal);
  // Discovery, section 4.3: the document must name exactly this issuer.
  if (document.issuer !== issuer) throw new Error("the discovery document names another issuer");
  const { jwks_uri: keysUrl } = document;
  if (typeof keysUrl !== "string" || !URL.canParse(keysUrl))
    throw new Error("the discovery document has no valid jwks_uri");
  const { protocol } = new URL(keysUrl);
  if (protocol !== "https:" && protocol !== new URL(issuer).protocol)
    throw new Error("jwks_uri is not https");
  const set = await fetchJson(keysUrl, signal);
  if (!Array.isArray(set.keys)) throw new Error("jwks_uri does not lead to a JSON Web Key Set");
  return { keys: set.keys };
}

async function fetchJson(url: string, signal: AbortSignal): Promise<Record<string, unknown>> {
  const response = await fetch(url, { redirect: "error", signal, headers: { accept: "application/json" } });
  if (!response.ok || !response.body) {
    await response.body?.cancel();
    throw new Error(`${url} responded with status ${response.status}`);
  }
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body) {
    size += chunk.length;
    if (size > maxBytes) throw new Error(`${url} responded with more than ${maxBytes} bytes`);
    chunks.push(chunk);
  }
  const value: unknown = JSON.parse(Buffer.concat(chunks).toString());
  if (typeof value !== "object" || value === null)
    throw new Error(`${url} did not respond with a JSON object`);
  return value as Record<string, unknown>;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function unreachable(): DomainError {
  return new DomainError("UNAVAILABLE", "the keys of the token's issuer cannot be fetched: try again");
}
