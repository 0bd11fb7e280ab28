import { LRUCache } from "lru-cache";
import type { VerifyTokenRequest } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { Calls } from "./calls.ts";
import type { GuardCoherence } from "./coherence.ts";
import type { GuardCache, GuardLoad } from "./guard-cache.ts";
import { type CachedVerdict, keptOf } from "./kept.ts";
import type { TokenForm } from "./token-form.ts";
import type { GuardState, GuardVerdict } from "./types.ts";
import { verdictOf } from "./verdict.ts";

/** A verification that the cache did not answer. */
export interface Lookup {
  /** The key of its entry in the cache. */
  key: string;
  /** The SHA-256 of the token. */
  digest: string;
  form: TokenForm;
  request: VerifyTokenRequest;
}

/** Verifies by calls, and keeps what it may. */
export interface Loads {
  verify(lookup: Lookup): Promise<GuardVerdict>;
  /** Returns whether the response to a look-up may be kept, as far as earlier responses for its token show. */
  mayKeep(lookup: Lookup): boolean;
}

/** What loads depend on. */
export interface LoadsDeps {
  cache: GuardCache<CachedVerdict>;
  coherence: Pick<GuardCoherence, "time" | "isCurrent">;
  calls: Calls;
  /** Counts calls for `state`. */
  counts: Pick<GuardState, "calls">;
}

const maxKnownTokens = 20_000;

/** Creates the loads of a guard. */
export function createLoads({ cache, coherence, calls, counts }: LoadsDeps): Loads {
  /** Tokens that were valid before, and whether their responses can be kept. */
  const known = new LRUCache<string, boolean>({ max: maxKnownTokens });
  return {
    mayKeep({ form, digest }) {
      return form.kind === "key" && known.get(digest) !== false && coherence.time() !== undefined;
    },
    async verify({ key, digest, form, request }) {
      counts.calls += 1;
      let load: GuardLoad<CachedVerdict> | undefined;
      const onSent = () => {
        // Without a lease, the guard may miss an invalidation of the response to this call.
        if (form.kind === "key" && coherence.time() !== undefined) load = cache.begin();
      };
      try {
        const { response, refusal } = await calls.verify(request, known.has(digest), onSent);
        if (!response) return refusal;
        const verdict = verdictOf(response, form);
        const kept = keptOf(response, verdict);
        // Two database servers have no common order of changes, so the guard would miss an invalidation.
        if (kept && coherence.isCurrent(response.database)) load?.keep(key, kept);
        if (verdict.valid) known.set(digest, kept !== undefined);
        return verdict;
      } finally {
        load?.end();
      }
    },
  };
}
