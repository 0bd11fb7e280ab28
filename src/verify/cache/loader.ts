import { isUnavailable } from "../../db/errors.ts";
import type { Coherence } from "../coherence/coherence.ts";
import { lacksAccess } from "../evaluate/credential.ts";
import type { Cache } from "./cache.ts";
import { createInFlightLoads, type InFlightLoads } from "./in-flight-loads.ts";
import { createKeepingLoad, type Load } from "./keeping-load.ts";
import type { Loaded, LookupKey } from "./load.ts";
import { createLookupClasses, type LookupLimits } from "./lookup-classes.ts";

/** Returns what verdicts need: from the cache while it is coherent, else from the database. */
export interface Loader {
  /** Returns what the cache holds for a lookup key, if the instance may serve from the cache at this moment. */
  recall(lookupKey: LookupKey): Loaded | undefined;
  /** Returns whether the cache may be served now and would return the same as before, and the time is before `until`. */
  holds(loaded: Loaded, until: Date | undefined): boolean;
  /** The same as `holds`, for the result of this request's own look-up. It does not count as a cache hit. */
  stillHolds(loaded: Loaded, until: Date | undefined): boolean;
  /**
   * Loads from the database, by a statement that is sent after this call. While the database is unreachable, returns stale
   * entries instead, if the operator allows that and the request does not ask for `fresh`.
   */
  fetch(lookupKey: LookupKey, by: { caller: string; fresh: boolean }): Promise<Loaded>;
}

/** What a loader reports for metrics. */
export interface LoaderObserver {
  hit(count: number): void;
  miss(count: number): void;
}

/** What a loader needs to know about coherence. */
export type LoaderCoherence = Pick<Coherence, "time" | "staleTime" | "primary">;

/** Creates a loader over a cache. Pass every invalidation to `inFlight` and to the cache in the same turn, in any order. */
export function createLoader(
  load: Load,
  cache: Cache,
  coherence: () => LoaderCoherence,
  observer: LoaderObserver,
  limits?: LookupLimits,
): { loader: Loader; inFlight: Pick<InFlightLoads, "invalidate"> } {
  const inFlight = createInFlightLoads();
  const fetchOrStale = createFetch(
    createKeepingLoad({ load, cache, inFlight, primary: () => coherence().primary() }),
    cache,
    coherence,
    limits,
  );

  function stillHolds(loaded: Loaded, until: Date | undefined): boolean {
    const time = coherence().time();
    if (time === undefined || (until && until.getTime() <= time)) return false;
    // A call asks this three times. While nothing in the cache changes, neither does the answer.
    const changes = cache.changes();
    if (loaded.heldAt === changes) return true;
    if (!isIn(cache, loaded)) return false;
    loaded.heldAt = changes;
    return true;
  }

  const loader: Loader = {
    recall(lookupKey) {
      const time = coherence().time();
      const loaded = time === undefined ? undefined : cached(cache, lookupKey, time);
      if (loaded) observer.hit(1);
      return loaded;
    },
    holds(loaded, until) {
      const holds = stillHolds(loaded, until);
      if (holds) observer.hit(1);
      return holds;
    },
    stillHolds,
    fetch(lookupKey, by) {
      observer.miss(1);
      return fetchOrStale(lookupKey, by);
    },
  };
  return { loader, inFlight };
}

function isIn(cache: Cache, { credential, workspace, tenant }: Loaded): boolean {
  if (!credential || cache.credential(credential.id) !== credential) return false;
  if (tenant === null || (tenant && cache.tenant(tenant.id) !== tenant)) return false;
  return !workspace || cache.workspace(workspace.id) === workspace;
}

// After a look-up found the database unreachable, stale entries are returned at once for this time.
const retryAfterMs = 1_000;

function createFetch(
  load: (lookupKeys: readonly LookupKey[], limitMs: number) => Promise<Loaded[]>,
  cache: Cache,
  coherence: () => LoaderCoherence,
  limits: LookupLimits | undefined,
): Loader["fetch"] {
  let unreachableUntil = Number.NEGATIVE_INFINITY;
  const lookupClasses = createLookupClasses({
    load,
    limits,
    onUnreachable(unreachable) {
      unreachableUntil = unreachable ? performance.now() + retryAfterMs : Number.NEGATIVE_INFINITY;
    },
  });
  const isUnreachable = () => performance.now() < unreachableUntil;

  function lookUp(lookupKey: LookupKey, caller: string): Promise<Loaded> {
    const { id, workspaceId, tenantId } = lookupKey;
    const named = [
      id,
      ...(workspaceId === "" ? [] : [workspaceId]),
      ...(tenantId === undefined ? [] : [tenantId]),
    ];
    return lookupClasses.lookUp(lookupKey, caller, named.every(cache.hasSeen));
  }

  function stale(lookupKey: LookupKey): Loaded | undefined {
    const time = coherence().staleTime();
    return time === undefined ? undefined : cached(cache, lookupKey, time);
  }

  return async (lookupKey, { caller, fresh }) => {
    if (fresh) return lookUp(lookupKey, caller);
    const known = isUnreachable() ? stale(lookupKey) : undefined;
    if (known) return known;
    try {
      return await lookUp(lookupKey, caller);
    } catch (error) {
      // A look-up that was rejected while it waited in the queue fails with another error.
      const known = isUnavailable(error) || isUnreachable() ? stale(lookupKey) : undefined;
      if (known) return known;
      throw error;
    }
  };
}

function cached(
  cache: Cache,
  { id, accountId, workspaceId, tenantId }: LookupKey,
  time: number,
): Loaded | undefined {
  const credential = cache.credential(id);
  if (!credential || lacksAccess(credential, accountId)) return undefined;
  const workspace = workspaceId === "" ? undefined : cache.workspace(workspaceId);
  if (workspaceId !== "" && !workspace) return undefined;
  const tenant = tenantId === undefined ? undefined : cache.tenant(tenantId);
  if (tenantId !== undefined && !tenant) return undefined;
  return { credential, workspace, ...(tenant && { tenant }), now: new Date(time) };
}
