import { followChanges, type Store } from "../db/connect.ts";
import { withStatements } from "../db/statement-scope.ts";
import { createRefusals } from "../domain/kernel/refusal.ts";
import { createFailedLogIns } from "../domain/session/failed-log-in.ts";
import { recordUsage } from "../domain/usage/record.ts";
import { createHealthStatus } from "../net/standard-services/health.ts";
import { createCoherentCache } from "../verify/cache/coherent-cache.ts";
import { leaseMs as productionLeaseMs } from "../verify/coherence/lease.ts";
import { createDrawStep } from "../verify/draw.ts";
import { createOidcVerifier } from "../verify/oidc/oidc.ts";
import { createQuotas } from "../verify/quota/quotas.ts";
import { spend } from "../verify/quota/spend.ts";
import { createResolver } from "../verify/resolve.ts";
import { createUsage } from "../verify/usage.ts";
import { createAppLimiter } from "./app-limiter.ts";
import { createBackground } from "./background.ts";
import type { AppDeps } from "./deps.ts";
import { reportFeed } from "./feed-report.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { createReports } from "./reports.ts";

/** The parts of an instance that hold state. */
export type Parts = ReturnType<typeof createParts>;

// Intervals between two writes of buffered data. A crash loses at most the data of one interval.
const refusalsIntervalMs = 1_000;
const usageIntervalMs = 5_000;

function createAppUsage(db: Store, config: AppDeps["config"], reports: ReturnType<typeof createReports>) {
  return createUsage({
    // A batch has uses of many callers, so the abort of one of them must not end the write.
    write: (batch) => withStatements({}, () => recordUsage(db, batch)),
    intervalMs: usageIntervalMs,
    addresses: config.clientAddressRetentionMs !== undefined,
    onError: reports.unwritten,
  });
}

/** Creates the parts of an instance that hold state, and starts its background jobs. */
export function createParts(deps: AppDeps) {
  const { config, log, lookups, listenUrl, leaseMs = productionLeaseMs, metrics } = deps;
  const reports = createReports(log);
  const health = createHealthStatus();
  const { coherence, loader } = createCoherentCache({
    db: lookups,
    listenUrl,
    entries: config.cacheEntries,
    leaseMs,
    maxStalenessMs: config.maxStalenessMs,
    parts: deps.coherenceParts,
    lookupLimits: deps.lookupLimits,
    observer: metrics,
    onError: reports.unwritten,
    onFeed: reportFeed(health, log),
  });
  metrics.showGuards(coherence.watchers.states);
  const db = followChanges(deps.db, coherence);
  const refusals = createRefusals(db, refusalsIntervalMs, reports.unwritten);
  const failedLogIns = createFailedLogIns(db, refusalsIntervalMs, reports.unwritten);
  const usage = createAppUsage(db, config, reports);
  const buffers = [refusals, failedLogIns, usage];
  const oidc = createOidcVerifier(config.oidcIssuers, { onFailure: reports.issuerFailed });
  const resolver = createResolver(loader, oidc, config);
  const limiter = createAppLimiter(deps, coherence, reports);
  const quotas = createQuotas({ send: (runs, how) => spend(lookups, runs, how) });
  const draw = createDrawStep({ limiter, quotas });
  const background = createBackground(reports.backgroundFailed);
  const housekeeping = startHousekeeping(db, config, background, log);
  return {
    reports,
    health,
    coherence,
    loader,
    db,
    refusals,
    failedLogIns,
    usage,
    oidc,
    resolver,
    limiter,
    draw,
    background,
    /** Writes what is buffered, so that it can be read. */
    async flush() {
      await background.settle();
      await Promise.all(buffers.map((buffer) => buffer.flush()));
    },
    /** Stops the background jobs, writes what is buffered, and leaves the change feed. */
    async close() {
      housekeeping.stop();
      await background.settle();
      await Promise.all([...buffers, limiter].map((buffer) => buffer.close()));
      await coherence.stop();
    },
  };
}
