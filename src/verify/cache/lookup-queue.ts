/** Look-ups that wait for a statement, of one who asks. */
export interface Lookup<T> {
  /** Who asks: a principal, or the address of somebody who has yet to show who they are. */
  caller: string;
  item: T;
  /** Called instead of an answer. */
  refuse(error: unknown): void;
}

/** A bounded queue that is fair between those who ask: each has its turn, however much the others ask. */
export interface LookupQueue<T> {
  /** Lets one wait, or refuses somebody: whoever has the most waiting. */
  push(lookup: Lookup<T>): void;
  /** Takes up to so many, in turns. */
  take(most: number): T[];
  /** Takes up to so many of the one whose turn it is. */
  takeOfOne(most: number): T[];
  /** Takes all that fit. */
  takeFitting(fits: (item: T) => boolean): T[];
  /** Refuses everything that waits. */
  refuseAll(error: unknown): void;
  size(): number;
}

/** Creates a queue in which at most `most` wait. `overflow` makes the error of those beyond. */
export function createLookupQueue<T>(most: number, overflow: () => unknown): LookupQueue<T> {
  const waiting = new Map<string, Lookup<T>[]>();
  let size = 0;

  function refuseTheGreediest(): void {
    let greediest: Lookup<T>[] = [];
    for (const lookups of waiting.values()) if (lookups.length > greediest.length) greediest = lookups;
    const last = greediest.pop();
    if (!last) return;
    size -= 1;
    if (greediest.length === 0) waiting.delete(last.caller);
    last.refuse(overflow());
  }

  return {
    push(lookup) {
      const lookups = waiting.get(lookup.caller);
      if (lookups) lookups.push(lookup);
      else waiting.set(lookup.caller, [lookup]);
      size += 1;
      if (size > most) refuseTheGreediest();
    },
    take(count) {
      const taken: T[] = [];
      while (taken.length < count && size > 0) {
        for (const [caller, lookups] of waiting) {
          const lookup = lookups.shift();
          if (!lookup) continue;
          taken.push(lookup.item);
          size -= 1;
          // Back to the end of the line: who was served last is served last next time.
          waiting.delete(caller);
          if (lookups.length > 0) waiting.set(caller, lookups);
          if (taken.length === count) break;
        }
      }
      return taken;
    },
    takeOfOne(count) {
      const [next] = waiting;
      if (!next) return [];
      const [caller, lookups] = next;
      const taken = lookups.splice(0, count);
      size -= taken.length;
      waiting.delete(caller);
      if (lookups.length > 0) waiting.set(caller, lookups);
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
    refuseAll(error) {
      const all = [...waiting.values()].flat();
      waiting.clear();
      size = 0;
      for (const { refuse } of all) refuse(error);
    },
    size: () => size,
  };
}
