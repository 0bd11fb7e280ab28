import type { Db } from "../../db/connect.ts";
import type { Settled } from "../coherence/acknowledge.ts";
import { machineClock } from "../coherence/clock.ts";
import { type Coherence, type CoherenceDeps, startCoherence } from "../coherence/coherence.ts";
import type { LeaseLength } from "../coherence/lease.ts";
import type { GuardsWaited } from "../coherence/watchers.ts";
import { createSharedSets } from "../evaluate/shared-sets.ts";
import { createSharedTexts } from "../evaluate/shared-texts.ts";
import { createCache } from "./cache.ts";
import { load } from "./load.ts";
import { createLoader, type Loader, type LoaderObserver } from "./loader.ts";
import type { LookupLimits } from "./lookup-classes.ts";

/** The cache of credentials of a process, and what keeps it coherent. */
export interface CoherentCache {
  loader: Loader;
  coherence: Coherence;
  /** Returns the number of entries. */
  size(): number;
}

/** What a coherent cache reports for metrics. */
export interface CacheObserver extends LoaderObserver {
  settled(how: Settled, milliseconds: number, others: number): void;
  guardsWaited(how: GuardsWaited, milliseconds: number): void;
}

/** What a coherent cache depends on. */
export interface CoherentCacheDeps extends LeaseLength, Pick<CoherenceDeps, "onFeed" | "parts"> {
  /** The pool that loads and heartbeats use. */
  db: Db;
  /** The URL of the listening connection. It leads to the database itself, without a pooler in between. */
  listenUrl: string;
  entries: number;
  /** Unset: the limits of production. */
  lookupLimits?: LookupLimits | undefined;
  observer: CacheObserver;
  onError(error: unknown): void;
}

/** Creates a cache and starts to follow the change feed. */
export function createCoherentCache(deps: CoherentCacheDeps): CoherentCache {
  const { db, entries, observer, lookupLimits } = deps;
  const cache = createCache(entries);
  const share = createSharedTexts();
  const setOf = createSharedSets(share);
  const { loader, inFlight } = createLoader(
    (lookupKeys, how) => load(db, lookupKeys, how, share, setOf),
    cache,
    () => coherence,
    observer,
    lookupLimits,
  );
  const coherence = startCoherence({
    ...deps,
    clock: machineClock,
    onSettled: observer.settled,
    onGuardsWaited: observer.guardsWaited,
    onLost: () => inFlight.invalidate(["*"]),
    invalidate(tags) {
      inFlight.invalidate(tags);
      cache.invalidate(tags);
    },
  });
  return { loader, coherence, size: cache.size };
}
