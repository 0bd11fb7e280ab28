/** Ids, each remembered for 30 s after it was added. */
export interface RecentIds {
  add(id: string): void;
  has(id: string): boolean;
  delete(id: string): void;
}

const rememberedMs = 30_000;
const most = 1_000;

/** Creates an empty set of recent ids. If it has more than 1,000 ids, it drops the oldest. */
export function createRecentIds(): RecentIds {
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
