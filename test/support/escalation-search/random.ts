/** Random numbers that a seed determines. */
export interface Random {
  /** Returns a number from 0 to n - 1. */
  below(n: number): number;
  chance(probability: number): boolean;
  /** Returns an item of a list that is not empty. */
  pick<T>(list: readonly T[]): T;
  /** Returns a random part of a list. */
  some<T>(list: readonly T[], probability?: number): T[];
}

/** Creates random numbers from a seed (mulberry32). */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }
  const below = (n: number) => Math.floor(next() * n);
  return {
    below,
    chance: (probability) => next() < probability,
    pick(list) {
      if (list.length === 0) throw new Error("nothing to pick from");
      return list[below(list.length)] as (typeof list)[number];
    },
    some: (list, probability = 0.5) => list.filter(() => next() < probability),
  };
}
