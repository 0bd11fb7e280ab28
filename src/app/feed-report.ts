import type { Log } from "../infra/log.ts";
import type { HealthStatus } from "../net/standard-services/health.ts";
import type { FeedState } from "../verify/coherence/feed.ts";

// Serving means: this instance hears of changes, and so may serve from memory.
const service = "latchkey.v1.ChangeFeed";
const remedy =
  "LATCHKEY_DATABASE_LISTEN_URL leads to a standby, which tells of no changes: every verification asks the database, and " +
  "changes take a second. Let it lead to the primary wherever that is, as LATCHKEY_DATABASE_URL does, or unset it";

/** Returns what reports the state of the change feed in the health service and in the log, once for each change. */
export function reportFeed(health: HealthStatus, log: Log): (state: FeedState) => void {
  health.set(service, false);
  return (state) => {
    health.set(service, state === "open");
    if (state === "standby") log.error({}, remedy);
    else log.info({ state }, "the change feed");
  };
}
