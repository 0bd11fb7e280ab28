import type { Db } from "../db/connect.ts";
import type { Bounds } from "../domain/access/bounds.ts";
import { countExceeded } from "../domain/access/exceeded-bounds.ts";
import type { Log } from "../infra/log.ts";

/**
 * Logs once how many records are above each bound, if there are any. Such records are still evaluated, but changes that
 * would add to them are refused. -1 means that the records could not be counted in time.
 */
export async function reportExceededBounds(db: Db, bounds: Bounds, log: Pick<Log, "warn">): Promise<void> {
  const records = await countExceeded(db, bounds);
  if (Object.keys(records).length > 0) {
    log.warn(
      { records },
      "some records are above their bounds: they work, but changes that add to them are refused",
    );
  }
}
