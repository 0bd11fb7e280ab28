import { isUnavailable } from "../../db/errors.ts";
import type { Coherence } from "../coherence/coherence.ts";
import { type Cache, tagsOf } from "./cache.ts";
import type { Loaded, LoadHow, LookupKey } from "./load.ts";
import { createLookupClasses } from "./lookup-classes.ts";

/** Answers what verdicts need: from memory where that is coherent, else from the database. */
export interface Loader {
  /** What memory knows of an ask, if it may be served at this moment. */
  recall(lookupKey: LookupKey): Loaded | undefined;
  /** Whether memory may be served at this moment and would say of something what it said, before a time. */
  holds(loaded: Loaded, until: Date | undefined): boolean;
  /** The same, of what this call was answered before: no look-up of its own. */
  stillHolds(loaded: Loaded, until: Date | undefined): boolean;
  /**
   * The answer of the database, by a statement that is sent after this call. While the database is away, what may be stale
   * instead, unless that must be `fresh`.
   */
  fetch(lookupKey: LookupKey, by: { caller: string; fresh: boolean }): Promise<Loaded>;
}

/** What a loader tells of its work, for metrics. */
export interface LoaderObserver {
  hit(count: number): void;
  miss(count: number): void;
}

/** The fence around the loads under way: what is forgotten while a load runs must not be kept by it. */
export interface InFlightLoads {
  invalidate(tags: readonly string[]): void;
}

// While the database is away, how often it is tried before what may be stale is served at once.
const awayMs = 1_000;

// A server that has to prove that it is the primary waits for its standby, which takes longer than a read.
const unprovenFactor = 2;

/** Creates a loader over a cache; `load` sends one statement. Feed every invalidation to `fence` before or after the cache, in the same turn. */
export function createLoader(
  load: (lookupKeys: readonly LookupKey[], how: LoadHow) => Promise<Loaded[]>,
  cache: Cache,
  coherence: () => Pick<Coherence, "time" | "staleTime" | "primary">,
  observer: LoaderObserver,
): { loader: Loader; inFlight: InFlightLoads } {
  const statements = new Set<{ seen: Set<string> }>();
  let awayUntil = Number.NEGATIVE_INFINITY;
  const lookupClasses = createLookupClasses({
    load: loadAndKeep,
    onAway(away) {
      awayUntil = away ? performance.now() + awayMs : Number.NEGATIVE_INFINITY;
    },
  });

  function remembered({ id, workspaceId }: LookupKey, time: number): Loaded | undefined {
    const credential = cache.credential(id);
    if (!credential) return undefined;
    const workspace = workspaceId === "" ? undefined : cache.workspace(workspaceId);
    if (workspaceId !== "" && !workspace) return undefined;
    return { credential, workspace, now: new Date(time) };
  }

  function lookUp(lookupKey: LookupKey, caller: string): Promise<Loaded> {
    const known =
      cache.hasSeen(lookupKey.id) && (lookupKey.workspaceId === "" || cache.hasSeen(lookupKey.workspaceId));
    return lookupClasses.lookUp(lookupKey, caller, known);
  }

  async function loadAndKeep(lookupKeys: readonly LookupKey[], limitMs: number): Promise<Loaded[]> {
    const statement = { seen: new Set<string>() };
    statements.add(statement);
    const primary = coherence().primary();
    try {
      const rows = await load(lookupKeys, primary === undefined ? unproven(limitMs) : { limitMs, primary });
      for (const row of rows) if (primary !== undefined && row.server === primary) keep(row, statement.seen);
      return rows;
    } finally {
      statements.delete(statement);
    }
  }

  function keep({ credential, workspace }: Loaded, seen: Set<string>): void {
    if (seen.has("*")) return;
    if (credential && !seen.has(credential.id) && !tagsOf(credential).some((tag) => seen.has(tag))) {
      cache.keepCredential(credential);
    }
    if (workspace && !seen.has(workspace.accountId)) cache.keepWorkspace(workspace);
  }

  function stillHolds({ credential, workspace }: Loaded, until: Date | undefined): boolean {
    const time = coherence().time();
    if (time === undefined || !credential || (until && until.getTime() <= time)) return false;
    if (cache.credential(credential.id) !== credential) return false;
    return !workspace || cache.workspace(workspace.id) === workspace;
  }

  function stale(lookupKey: LookupKey): Loaded | undefined {
    const time = coherence().staleTime();
    return time === undefined ? undefined : remembered(lookupKey, time);
  }

  async function fetchOrStale(lookupKey: LookupKey, caller: string): Promise<Loaded> {
    const kept = performance.now() < awayUntil ? stale(lookupKey) : undefined;
    if (kept) return kept;
    try {
      return await lookUp(lookupKey, caller);
    } catch (error) {
      // A look-up that was refused before its turn came has an error of its own.
      const kept = isUnavailable(error) || performance.now() < awayUntil ? stale(lookupKey) : undefined;
      if (kept) return kept;
      throw error;
    }
  }

  return {
    loader: {
      recall(lookupKey) {
        const time = coherence().time();
        const loaded = time === undefined ? undefined : remembered(lookupKey, time);
        if (loaded) observer.hit(1);
        return loaded;
      },
      holds(loaded, until) {
        const holds = stillHolds(loaded, until);
        if (holds) observer.hit(1);
        return holds;
      },
      stillHolds,
      fetch(lookupKey, { caller, fresh }) {
        observer.miss(1);
        return fresh ? lookUp(lookupKey, caller) : fetchOrStale(lookupKey, caller);
      },
    },
    inFlight: {
      invalidate(tags) {
        for (const { seen } of statements) for (const tag of tags) seen.add(tag);
      },
    },
  };
}

function unproven(limitMs: number): LoadHow {
  return { limitMs: unprovenFactor * limitMs, primary: undefined };
}
