import type { Db } from "../../db/connect.ts";
import type { Settled } from "../coherence/acknowledge.ts";
import { machineClock } from "../coherence/clock.ts";
import { type Coherence, type CoherenceDeps, startCoherence } from "../coherence/coherence.ts";
import type { LeaseLength } from "../coherence/lease.ts";
import { createCache } from "./cache.ts";
import { load } from "./load.ts";
import { createLoader, type Loader, type LoaderObserver } from "./loader.ts";

/** What a process remembers of credentials, and what keeps that coherent. */
export interface CoherentCache {
  loader: Loader;
  coherence: Coherence;
  /** How many entries there are. */
  size(): number;
}

/** What a memory depends on. */
export interface CoherentCacheDeps extends LeaseLength, Pick<CoherenceDeps, "onFeed"> {
  /** The pool that loads and beats use. */
  db: Db;
  /** Where to listen: the database itself, without a pooler between. */
  listenUrl: string;
  entries: number;
  observer: LoaderObserver & { settled(how: Settled, milliseconds: number, others: number): void };
  onError(error: unknown): void;
}

/** Creates a memory and starts to follow the change feed. */
export function createCoherentCache(deps: CoherentCacheDeps): CoherentCache {
  const { db, entries, observer } = deps;
  const cache = createCache(entries);
  const { loader, inFlight } = createLoader(
    (lookupKeys, how) => load(db, lookupKeys, how),
    cache,
    () => coherence,
    observer,
  );
  const coherence = startCoherence({
    ...deps,
    clock: machineClock,
    onSettled: observer.settled,
    onLost: () => inFlight.invalidate(["*"]),
    invalidate(tags) {
      inFlight.invalidate(tags);
      cache.invalidate(tags);
    },
  });
  return { loader, coherence, size: cache.size };
}
