/** The loads in flight. The cache must not keep a result if one of its tags was invalidated while the load ran. */
export interface InFlightLoads {
  /** Records that a load begins. Call it before the statement is sent. */
  begin(): InFlightLoad;
  /** Records an invalidation for all loads in flight. */
  invalidate(tags: readonly string[]): void;
}

/** One load in flight. */
export interface InFlightLoad {
  /** Returns whether one of these tags was invalidated since the load began. */
  sawAny(tags: readonly string[]): boolean;
  /** Records that the load has ended. */
  end(): void;
}

/** Creates the record of loads in flight: there are none yet. */
export function createInFlightLoads(): InFlightLoads {
  const loads = new Set<Set<string>>();
  return {
    begin() {
      const seen = new Set<string>();
      loads.add(seen);
      return {
        sawAny: (tags) => seen.has("*") || tags.some((tag) => seen.has(tag)),
        end: () => void loads.delete(seen),
      };
    },
    invalidate(tags) {
      for (const seen of loads) for (const tag of tags) seen.add(tag);
    },
  };
}
