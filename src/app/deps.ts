import type { Config } from "../config/config.ts";
import type { Db } from "../db/connect.ts";
import type { Mailer } from "../domain/kernel/mail.ts";
import type { Passwords } from "../domain/user/password.ts";
import type { Log } from "../infra/log.ts";
import type { Metrics } from "../infra/metrics.ts";
import type { Limits } from "../net/limits.ts";
import type { BoundsOf } from "../rpc/middleware/message-bounds.ts";
import type { Validate } from "../rpc/middleware/validate.ts";
import type { LookupLimits } from "../verify/cache/lookup-classes.ts";
import type { CoherenceParts } from "../verify/coherence/parts.ts";
import type { RouteDeps } from "./routes.ts";

/** What the service is assembled from. */
export interface AppDeps {
  db: Db;
  /** A separate pool for the look-ups of verification, the heartbeats and the acknowledgements. */
  lookups: Db;
  /** The database without a pooler between, for the change feed. */
  listenUrl: string;
  config: RouteDeps["config"] &
    Pick<
      Config,
      | "auditRetentionMs"
      | "usageRetentionMs"
      | "clientAddressRetentionMs"
      | "corsOrigins"
      | "trustedProxies"
      | "publicUrl"
      | "embedOrigins"
      | "oidcIssuers"
      | "cacheEntries"
      | "maxStalenessMs"
      | "redis"
    >;
  passwords: Passwords;
  mailer: Mailer;
  limits: Limits;
  log: Log;
  metrics: Metrics;
  /** Its abort ends all streams. */
  shutdownSignal?: AbortSignal;
  /** False: no call takes the fast path. */
  fastPath?: boolean;
  /** How long one heartbeat allows answers from the cache, in milliseconds. The same for all instances of a database. */
  leaseMs?: number;
  /** Replaces parts of the coherence protocol. Only fault tests set it. */
  coherenceParts?: CoherenceParts | undefined;
  /** Replaces the limits of look-ups in the database. Only a benchmark sets it. */
  lookupLimits?: LookupLimits | undefined;
  /** How long a call waits for the shared store of rate limits. Unset: that of production. Tests on a busy machine set it. */
  limitTimeoutMs?: number | undefined;
  /** The validation of requests, which takes 0.1 s to create. Unset: a new one. */
  validate?: Validate;
  /** The bounds of request messages, which take 0.02 s to compute. Unset: new ones by `limits`. */
  boundsOf?: BoundsOf;
}
