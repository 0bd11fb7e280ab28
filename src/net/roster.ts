/** A set whose items come and go often. */
export interface Roster<T> {
  /** Adds an item. Returns the function that removes it. */
  enter(item: T): () => void;
  all(): T[];
}

/**
 * Creates an empty roster. A `Set` would keep much memory from being collected: V8 rebuilds the table of such a set again
 * and again, and items of an old table stay in memory until a full collection.
 */
export function createRoster<T>(): Roster<T> {
  const places: (T | undefined)[] = [];
  const free: number[] = [];
  return {
    enter(item) {
      const place = free.pop() ?? places.length;
      places[place] = item;
      return () => {
        places[place] = undefined;
        free.push(place);
      };
    },
    all: () => places.filter((item) => item !== undefined),
  };
}
