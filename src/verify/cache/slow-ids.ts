/** Ids that took too long to look up, remembered for 30 s. */
export interface SlowIds {
  add(id: string): void;
  has(id: string): boolean;
  delete(id: string): void;
}

const rememberedMs = 30_000;
const most = 1_000;

/** Creates an empty set of slow ids. If it has more than 1,000 ids, it drops the oldest. */
export function createSlowIds(): SlowIds {
  const until = new Map<string, number>();
  return {
    add(id) {
      until.delete(id);
      until.set(id, performance.now() + rememberedMs);
      const [oldest] = until.keys();
      if (until.size > most && oldest !== undefined) until.delete(oldest);
    },
    has(id) {
      const end = until.get(id);
      if (end === undefined) return false;
      if (performance.now() < end) return true;
      until.delete(id);
      return false;
    },
    delete: (id) => void until.delete(id),
  };
}
