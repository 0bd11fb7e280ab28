/** The field that a ranked item must have: its place in the heap, or -1 if it is not in the ranking. */
export interface Ranked {
  place: number;
}

/** A set of items, ordered by rank. Every change takes logarithmic time (a binary heap). */
export interface Ranking<T extends Ranked> {
  /** Returns the first item. */
  first(): T | undefined;
  /** Adds an item (`isMember` true), removes it (false), or moves it to its new rank after it changed (true). */
  update(item: T, isMember: boolean): void;
}

/** Creates an empty ranking. `comesBefore` returns whether `a` now comes before `b`. */
export function createRanking<T extends Ranked>(comesBefore: (a: T, b: T) => boolean): Ranking<T> {
  const heap: T[] = [];

  function put(item: T, place: number): void {
    heap[place] = item;
    item.place = place;
  }

  function rise(item: T): void {
    let place = item.place;
    while (place > 0) {
      const above = (place - 1) >> 1;
      const parent = heap[above];
      if (!parent || !comesBefore(item, parent)) break;
      put(parent, place);
      place = above;
    }
    put(item, place);
  }

  function sink(item: T): void {
    let place = item.place;
    for (;;) {
      const [left, right] = [heap[2 * place + 1], heap[2 * place + 2]];
      const child = left && right && comesBefore(right, left) ? right : left;
      if (!child || !comesBefore(child, item)) break;
      const below = child.place;
      put(child, place);
      place = below;
    }
    put(item, place);
  }

  function remove(item: T): void {
    const last = heap.pop();
    if (last && last !== item) {
      put(last, item.place);
      rise(last);
      sink(last);
    }
    item.place = -1;
  }

  return {
    first: () => heap[0],
    update(item, isMember) {
      if (!isMember) {
        if (item.place >= 0) remove(item);
        return;
      }
      if (item.place < 0) put(item, heap.length);
      rise(item);
      sink(item);
    },
  };
}
