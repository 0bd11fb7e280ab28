import type { Db } from "../db/connect.ts";
import type { Bounds } from "../domain/access/bounds.ts";
import { countExceeded } from "../domain/access/exceeded-bounds.ts";
import type { Log } from "../infra/log.ts";

/**
 * Logs once how many records are above each bound, if any are: they are evaluated, but nothing is added to them. -1 stands
 * for what could not be counted in time.
 */
export async function reportExceededBounds(db: Db, bounds: Bounds, log: Pick<Log, "warn">): Promise<void> {
  const records = await countExceeded(db, bounds);
  if (Object.keys(records).length > 0) {
    log.warn({ records }, "records are above their bounds: they work, but nothing is added to them");
  }
}
