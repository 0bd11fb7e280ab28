import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { DomainError } from "../../domain/kernel/error.ts";
import { createBoundedRefresh } from "./bounded-refresh.ts";

/** What fetching keys depends on. */
export interface IssuerKeysDeps {
  /** Told of every failure to fetch them. */
  onFailure(issuer: string, error: unknown): void;
  /** Milliseconds of a monotonic clock. */
  clock?: () => number;
  /** Resolves after so many milliseconds. */
  pause?: (ms: number) => Promise<void>;
}

// Keys older than this are fetched again before they are used.
const freshMs = 10 * 60_000;
// While the issuer cannot be reached, keys serve for so long. A key that it took back is trusted no longer than that.
const usableMs = 60 * 60_000;
const timeoutMs = 3_000;
const maxBytes = 256 * 1024;
// A token that names an unknown key makes us look again. Whoever makes up key ids makes us look only so often: five times
// in a row, and then once in five seconds.
const maxBurst = 5;
const refillMs = 5_000;
// So many tokens with an unknown key wait for the next look. The others are to be sent again.
const maxWaiting = 64;

/**
 * The keys of an issuer, found through its discovery document (OpenID Connect Discovery 1.0, RFC 7517), kept, and looked
 * up again where a token names an unknown one. A key is unknown only if a look that began after its token arrived did not
 * find it, so no flood of made-up key ids makes us miss a new key. Throws `UNAVAILABLE` where keys cannot be had now, and
 * jose's `JWKSNoMatchingKey` where there is no such key.
 */
export function createIssuerKeys(issuer: string, deps: IssuerKeysDeps): JWTVerifyGetKey {
  const { clock = () => performance.now(), pause = sleep } = deps;
  let keys: { find: JWTVerifyGetKey; at: number } | undefined;
  let failed = false;
  let waiting = 0;
  const fetches = createBoundedRefresh(fetchKeys, { burst: maxBurst, refillMs, clock, pause });

  async function fetchKeys(): Promise<void> {
    try {
      // By when they were asked for: an answer is no younger than its question.
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
        // It may be a new key that we could not learn of.
        if (fetches.counts().ended > begun) throw failed ? unreachable() : error;
      }
      await nextFetch();
    }
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

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}

function unreachable(): DomainError {
  return new DomainError("UNAVAILABLE", "the keys of the token's issuer cannot be fetched: try again");
}
