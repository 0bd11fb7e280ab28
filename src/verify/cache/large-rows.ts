import type { Loaded } from "./load.ts";
import type { Batch } from "./lookup-batch.ts";
import type { Waiting } from "./lookup-class.ts";
import { createRecentIds } from "./recent-ids.ts";

/** Which look-ups will probably read a large row, by what earlier look-ups read. */
export interface LargeRows {
  /**
   * Returns whether the row of this id was large. For an id that the cache has never seen, returns whether all such rows of
   * this caller in its last statement were.
   */
  expects(lookup: Pick<Waiting, "lookupKey" | "caller">, known: boolean): boolean;
  /** Records the rows of a statement. `places` has, for each look-up, the place of its row. */
  saw(batch: Batch, rows: readonly Loaded[], places: readonly number[]): void;
}

/**
 * The most list items of an ordinary row. A larger one takes milliseconds to read and to convert. The largest row that the
 * default bounds allow has about 4,500.
 */
export const maxOrdinaryItems = 1_000;

/** Creates an empty record of large rows. It forgets what it saw more than 30 s ago. */
export function createLargeRows(): LargeRows {
  const ids = createRecentIds();
  const callers = createRecentIds();
  return {
    expects: ({ lookupKey, caller }, known) => ids.has(lookupKey.id) || (!known && callers.has(caller)),
    saw(batch, rows, places) {
      const onlyLarge = new Map<string, boolean>();
      const repeated = new Set(batch.flatMap(({ lookupKey: { id } }) => (ids.has(id) ? [id] : [])));
      for (const [index, { lookupKey, caller }] of batch.entries()) {
        const isLarge = (rows[places[index] ?? -1]?.items ?? 0) > maxOrdinaryItems;
        record(ids, lookupKey.id, isLarge);
        // A row that was expected to be large says nothing about the other rows of its caller.
        if (isLarge && repeated.has(lookupKey.id)) continue;
        onlyLarge.set(caller, isLarge && onlyLarge.get(caller) !== false);
      }
      for (const [caller, isLarge] of onlyLarge) record(callers, caller, isLarge);
    },
  };
}

function record(recent: ReturnType<typeof createRecentIds>, id: string, isLarge: boolean): void {
  if (isLarge) recent.add(id);
  else recent.delete(id);
}
