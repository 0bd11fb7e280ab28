/** A look-up that waits for a statement. */
export interface Lookup<T> {
  /** The principal that the look-up is for, or the client address if the principal is not known yet. */
  caller: string;
  item: T;
  /** Called if the look-up gets no result. */
  reject(error: unknown): void;
}

/** A bounded queue that is fair between callers: callers take turns, however many look-ups each of them has. */
export interface LookupQueue<T> {
  /** Adds a look-up. If the queue is full, it rejects a look-up of the caller that has the most. */
  push(lookup: Lookup<T>): void;
  /** Takes up to `count` look-ups. Callers take turns. */
  take(count: number): T[];
  /** Takes up to `count` look-ups of the caller whose turn it is. */
  takeOfOneCaller(count: number): T[];
  /** Takes all look-ups that fit. */
  takeFitting(fits: (item: T) => boolean): T[];
  /** Rejects all look-ups. */
  rejectAll(error: unknown): void;
  size(): number;
}

/** Creates a queue of at most `most` look-ups. `overflow` makes the error of a look-up beyond that. */
export function createLookupQueue<T>(most: number, overflow: () => unknown): LookupQueue<T> {
  const waiting = new Map<string, Lookup<T>[]>();
  let size = 0;

  function rejectOneOfTheBusiestCaller(): void {
    let busiest: Lookup<T>[] = [];
    for (const lookups of waiting.values()) if (lookups.length > busiest.length) busiest = lookups;
    const last = busiest.pop();
    if (!last) return;
    size -= 1;
    if (busiest.length === 0) waiting.delete(last.caller);
    last.reject(overflow());
  }

  // A caller that was just served goes to the end of the line.
  function moveToEnd(caller: string, lookups: Lookup<T>[]): void {
    waiting.delete(caller);
    if (lookups.length > 0) waiting.set(caller, lookups);
  }

  return {
    push(lookup) {
      const lookups = waiting.get(lookup.caller);
      if (lookups) lookups.push(lookup);
      else waiting.set(lookup.caller, [lookup]);
      size += 1;
      if (size > most) rejectOneOfTheBusiestCaller();
    },
    take(count) {
      const taken: T[] = [];
      while (taken.length < count && size > 0) {
        for (const [caller, lookups] of waiting) {
          const lookup = lookups.shift();
          if (!lookup) continue;
          taken.push(lookup.item);
          size -= 1;
          moveToEnd(caller, lookups);
          if (taken.length === count) break;
        }
      }
      return taken;
    },
    takeOfOneCaller(count) {
      const [next] = waiting;
      if (!next) return [];
      const [caller, lookups] = next;
      const taken = lookups.splice(0, count);
      size -= taken.length;
      moveToEnd(caller, lookups);
      return taken.map(({ item }) => item);
    },
    takeFitting(fits) {
      const taken: T[] = [];
      for (const [caller, lookups] of waiting) {
        const rest: Lookup<T>[] = [];
        for (const lookup of lookups) {
          if (fits(lookup.item)) taken.push(lookup.item);
          else rest.push(lookup);
        }
        if (rest.length === 0) waiting.delete(caller);
        else waiting.set(caller, rest);
      }
      size -= taken.length;
      return taken;
    },
    rejectAll(error) {
      const all = [...waiting.values()].flat();
      waiting.clear();
      size = 0;
      for (const { reject } of all) reject(error);
    },
    size: () => size,
  };
}
