/** Something that waits in a queue. */
export interface Waiting<T> {
  /** The caller that takes turns with others: a principal, an account or a client address. */
  caller: string;
  item: T;
  /** Called if the queue drops the item. */
  reject(error: unknown): void;
}

/** A bounded queue that is fair between callers: callers take turns, however many items each of them has. */
export interface FairQueue<T> {
  /**
   * Adds an item. If the queue is full, it rejects the newest item of the caller with the most items. Among equals, the
   * caller of the added item loses, because the others have waited longer.
   */
  push(waiting: Waiting<T>): void;
  /** Returns whether `push` would keep an item of this caller now. */
  hasRoom(caller: string): boolean;
  /** Takes up to `count` items. Callers take turns. */
  take(count: number): T[];
  /** Takes up to `count` items of the caller whose turn it is. */
  takeOfOneCaller(count: number): T[];
  /** Takes all items that fit. */
  takeFitting(fits: (item: T) => boolean): T[];
  /** Rejects all items. */
  rejectAll(error: unknown): void;
  size(): number;
}

/** Creates a queue of at most `most` items. `overflow` makes the error of an item beyond that. */
export function createFairQueue<T>(most: number, overflow: () => unknown): FairQueue<T> {
  // The items of each caller, in the order of the callers' turns.
  const waiting = new Map<string, Waiting<T>[]>();
  let size = 0;

  function rejectNewest(newCaller: string): void {
    const busiest = longestOf(waiting.get(newCaller) ?? [], waiting.values());
    const last = busiest.pop();
    if (!last) return;
    size -= 1;
    if (busiest.length === 0) waiting.delete(last.caller);
    last.reject(overflow());
  }

  function takeOfOneCaller(count: number): T[] {
    const [next] = waiting;
    if (!next) return [];
    const [caller, items] = next;
    const taken = items.splice(0, count);
    size -= taken.length;
    // A caller that was just served goes to the end of the order.
    waiting.delete(caller);
    if (items.length > 0) waiting.set(caller, items);
    return taken.map(({ item }) => item);
  }

  return {
    push(one) {
      const items = waiting.get(one.caller);
      if (items) items.push(one);
      else waiting.set(one.caller, [one]);
      size += 1;
      if (size > most) rejectNewest(one.caller);
    },
    hasRoom(caller) {
      const more = (waiting.get(caller)?.length ?? 0) + 1;
      return size < most || [...waiting.values()].some((items) => items.length > more);
    },
    take(count) {
      const taken: T[] = [];
      while (taken.length < count && size > 0) taken.push(...takeOfOneCaller(1));
      return taken;
    },
    takeOfOneCaller,
    takeFitting(fits) {
      const taken: T[] = [];
      for (const [caller, items] of waiting) {
        setOrDelete(waiting, caller, keepOthers(items, fits, taken));
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

function setOrDelete<T>(waiting: Map<string, T[]>, caller: string, items: T[]): void {
  if (items.length === 0) waiting.delete(caller);
  else waiting.set(caller, items);
}

function longestOf<T>(first: T[], others: Iterable<T[]>): T[] {
  let longest = first;
  for (const items of others) if (items.length > longest.length) longest = items;
  return longest;
}

// Adds the items that fit to `taken`, and returns the others.
function keepOthers<T>(items: Waiting<T>[], fits: (item: T) => boolean, taken: T[]): Waiting<T>[] {
  return items.filter(({ item }) => {
    if (!fits(item)) return true;
    taken.push(item);
    return false;
  });
}
