import type { Coherence } from "../coherence/coherence.ts";
import { type Cache, tagsOf } from "./cache.ts";
import type { InFlightLoad, InFlightLoads } from "./in-flight-loads.ts";
import type { Loaded, LoadHow, LookupKey } from "./load.ts";

/** Sends one statement that loads these lookup keys. Returns a row for each of them, in the same order. */
export type Load = (lookupKeys: readonly LookupKey[], how: LoadHow) => Promise<Loaded[]>;

/** What a load that fills the cache depends on. */
export interface KeepingLoadDeps {
  load: Load;
  cache: Cache;
  inFlight: InFlightLoads;
  /** Returns the server that is known to be the primary, if any. */
  primary: Coherence["primary"];
}

// A server that has to prove that it is the primary waits for its standby. That takes longer than a read.
const unprovenFactor = 2;

/**
 * Returns a load that fills the cache. It keeps a row only if the row comes from the known primary, and if none of the
 * row's tags was invalidated while the load was in flight.
 */
export function createKeepingLoad({ load, cache, inFlight, primary: knownPrimary }: KeepingLoadDeps) {
  return async (lookupKeys: readonly LookupKey[], limitMs: number): Promise<Loaded[]> => {
    const loading = inFlight.begin();
    const primary = knownPrimary();
    const how = { limitMs: primary === undefined ? unprovenFactor * limitMs : limitMs, primary };
    try {
      const rows = await load(lookupKeys, how);
      return rows.map((row) =>
        primary !== undefined && row.server === primary ? keep(cache, row, loading) : row,
      );
    } finally {
      loading.end();
    }
  };
}

// Returns the row with what the cache keeps, which may have the access to more accounts.
function keep(cache: Cache, row: Loaded, loading: InFlightLoad): Loaded {
  const { credential, workspace, tenant } = row;
  if (workspace && !loading.sawAny([workspace.accountId])) cache.keepWorkspace(workspace);
  if (tenant && !loading.sawAny([tenant.id])) cache.keepTenant(tenant);
  if (!credential || loading.sawAny([credential.id, ...tagsOf(credential)])) return row;
  return { ...row, credential: cache.keepCredential(credential) };
}
