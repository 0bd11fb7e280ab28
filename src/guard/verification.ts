import { digestToken } from "../domain/kernel/token.ts";
import { createLoads, type LoadsDeps, type Lookup } from "./loads.ts";
import { refused, unavailable } from "./refused.ts";
import { type ReadRequirements, requestOf } from "./requirements.ts";
import { formOf, maxTokenLength } from "./token-form.ts";
import type { GuardState, GuardVerdict } from "./types.ts";
import type { UsageReporter } from "./usage.ts";

/** What the verification of a guard depends on. */
export interface VerificationDeps extends LoadsDeps {
  /** Counts verifications for `state`. */
  counts: Pick<GuardState, "cacheHits" | "calls">;
  /** Unset: the guard does not report usage. */
  usage: Pick<UsageReporter, "record"> | undefined;
}

/** Verifies a token against requirements. It does not throw, and its promise does not reject. */
export type Verify = (
  token: string,
  required: ReadRequirements,
  clientAddress: string | undefined,
) => GuardVerdict | Promise<GuardVerdict>;

/** Creates the verification of a guard: from its cache under a lease, and otherwise by a call. */
export function createVerification(deps: VerificationDeps): Verify {
  const { cache, coherence, counts, usage } = deps;
  const loads = createLoads(deps);
  /** The calls in flight whose responses may be kept, by the key of their entry. */
  const leaders = new Map<string, Promise<unknown>>();

  function recall(key: string, clientAddress: string | undefined): GuardVerdict | undefined {
    const time = coherence.time();
    if (time === undefined) return undefined;
    const cached = cache.recall(key, time);
    if (cached === undefined) return undefined;
    counts.cacheHits += 1;
    usage?.record(cached.usage, time, clientAddress);
    return cached.verdict;
  }

  // Verifications with the same key wait for the first one, and then look into the cache. None uses the response of a call
  // that began before it.
  async function load(lookup: Lookup, clientAddress: string | undefined): Promise<GuardVerdict> {
    const { key } = lookup;
    if (!loads.mayKeep(lookup)) return loads.verify(lookup);
    const leader = leaders.get(key);
    if (leader) {
      await leader;
      return recall(key, clientAddress) ?? loads.verify(lookup);
    }
    const mine = loads.verify(lookup).catch(() => unavailable());
    leaders.set(key, mine);
    const verdict = await mine;
    leaders.delete(key);
    return verdict;
  }

  return (token, required, clientAddress) => {
    if (token.length > maxTokenLength) return refused("INVALID_API_KEY");
    const digest = digestToken(token);
    const key = digest + required.text;
    const cached = recall(key, clientAddress);
    if (cached) return cached;
    const form = formOf(token);
    if (form.kind === "wrong") return refused("INVALID_API_KEY");
    const request = requestOf(token, required, clientAddress);
    return load({ key, digest, form, request }, clientAddress).catch(() => unavailable());
  };
}
