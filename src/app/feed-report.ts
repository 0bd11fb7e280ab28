import type { Log } from "../infra/log.ts";
import type { HealthStatus } from "../net/standard-services/health.ts";
import type { FeedState } from "../verify/coherence/feed.ts";

// SERVING means that this instance receives changes, and so may answer from its cache.
const service = "latchkey.v1.ChangeFeed";
const remedy =
  "LATCHKEY_DATABASE_LISTEN_URL leads to a standby, which sends no notifications. Every verification queries the database, " +
  "and changes take a second. Point it to the current primary, as LATCHKEY_DATABASE_URL does, or unset it";

/** Returns a function that reports each new state of the change feed in the health service and in the log. */
export function reportFeed(health: HealthStatus, log: Log): (state: FeedState) => void {
  health.set(service, false);
  return (state) => {
    health.set(service, state === "open");
    if (state === "standby") log.error({}, remedy);
    else log.info({ state }, "change feed state changed");
  };
}
