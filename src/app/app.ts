import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import type { Config } from "../config/config.ts";
import { type Db, followChanges } from "../db/connect.ts";
import { isBusy, isUnavailable } from "../db/errors.ts";
import { statementScope, withStatements } from "../db/statement-scope.ts";
import { provisionUser } from "../domain/external-identity/provision-user.ts";
import type { Mailer } from "../domain/kernel/mail.ts";
import { createRefusals } from "../domain/kernel/refusal.ts";
import { createFailedLogIns } from "../domain/session/failed-log-in.ts";
import type { Passwords } from "../domain/user/password.ts";
import type { Log } from "../infra/log.ts";
import type { Metrics } from "../infra/metrics.ts";
import { createClientAddress } from "../net/client-address.ts";
import { withCors } from "../net/cors.ts";
import type { FastPathOptions } from "../net/fast-path/codec.ts";
import { createFastPath } from "../net/fast-path/fast-path.ts";
import type { Limits } from "../net/limits.ts";
import type { Handler, HandlerOf, PlainHandler, Request, Response } from "../net/request.ts";
import { createHealthStatus, type HealthStatus } from "../net/standard-services/health.ts";
import { inTurns } from "../net/turns.ts";
import { fastPathMethods } from "../rpc/fast-path.ts";
import {
  type AuthDeps,
  createAuthInterceptor,
  createErrorInterceptor,
} from "../rpc/middleware/auth-interceptor.ts";
import { createRequestGate } from "../rpc/middleware/outcome.ts";
import { turnOfStranger } from "../rpc/middleware/turn.ts";
import type { Validate } from "../rpc/middleware/validate.ts";
import { type TokenDeps, verification } from "../rpc/token-service.ts";
import { createCoherentCache } from "../verify/cache/coherent-cache.ts";
import { leaseMs as productionLeaseMs } from "../verify/coherence/lease.ts";
import type { CoherenceParts } from "../verify/coherence/parts.ts";
import { createLastUsed } from "../verify/last-used.ts";
import { createOidcVerifier } from "../verify/oidc/oidc.ts";
import { createPublicLimit } from "../verify/public-limit.ts";
import { createResolver } from "../verify/resolve.ts";
import { createBackground } from "./background.ts";
import { reportFeed } from "./feed-report.ts";
import { startHousekeeping } from "./housekeeping.ts";
import { createRequestLog } from "./request-log.ts";
import { createRoutes, createServiceValidate, type RouteDeps } from "./routes.ts";

/** What the service is assembled from. */
export interface AppDeps {
  db: Db;
  /** What verification looks up goes through this pool, and so do the beats that say that memory may be served. */
  lookups: Db;
  /** Where changes are told: the database itself, without a pooler between. */
  listenUrl: string;
  config: RouteDeps["config"] &
    Pick<
      Config,
      | "auditRetentionMs"
      | "corsOrigins"
      | "trustedProxies"
      | "oidcIssuers"
      | "cacheEntries"
      | "maxStalenessMs"
    >;
  passwords: Passwords;
  mailer: Mailer;
  limits: Limits;
  log: Log;
  metrics: Metrics;
  /** Aborted when streams should end. */
  shutdownSignal?: AbortSignal;
  /** False: no call takes the fast lane. */
  fastPath?: boolean;
  /** How long a heartbeat lets memory be served; the same for all instances of a database. */
  leaseMs?: number;
  /** Replaces parts of the coherence protocol. Only fault tests set it. */
  coherenceParts?: CoherenceParts | undefined;
  /** The check of requests, which takes 0.1 s to create; unset: one of its own. */
  validate?: Validate;
}

/** The assembled service. It listens to nothing. */
export interface App {
  /** Registers every service on a router that was made with `routerOptions`. */
  routes(router: ConnectRouter): void;
  routerOptions: ConnectRouterOptions;
  /** Answers HTTP requests. */
  handler: Handler;
  /** Answers those of them that are plain, over HTTP/2. */
  plain: PlainHandler;
  health: HealthStatus;
  /** The server that is known to be the primary, if any is: when it started. */
  primary(): string | undefined;
  /** Resolves once every change that committed before is applied everywhere, whoever made it. */
  settled(): Promise<unknown>;
  /** Resolves once verification runs from memory, or after a moment without. */
  ready(): Promise<void>;
  /** Writes what is buffered, so that it can be read. */
  flush(): Promise<void>;
  /** Writes what is buffered and stops. */
  close(): Promise<void>;
}

// What is buffered is written so often; a crash loses no more than that.
const refusalsIntervalMs = 1_000;
const usesIntervalMs = 5_000;
// Of ending tokens with nothing but the token: more than anybody has tokens, less than a guesser would like.
const revocationsPerMinute = 600;
// How long a start waits to be warm.
const readyMs = 2_000;
// Of memory, for answers that are given again as they are.
const keptBytesPerEntry = 512;

/** Assembles the service: routes, the order of interceptors, limits. */
export function createApp({
  db: unfollowed,
  lookups,
  listenUrl,
  config,
  passwords,
  mailer,
  limits,
  log,
  metrics,
  shutdownSignal,
  fastPath = true,
  leaseMs = productionLeaseMs,
  coherenceParts,
  // First, since it takes a while in which nothing else is heard.
  validate = createServiceValidate(),
}: AppDeps): App {
  const onError = (error: unknown) =>
    log.error({ error: describe(error) }, "could not write in the background");
  const health = createHealthStatus();
  const { cacheEntries: entries, maxStalenessMs } = config;
  const coherentCache = createCoherentCache({
    db: lookups,
    listenUrl,
    entries,
    leaseMs,
    maxStalenessMs,
    parts: coherenceParts,
    observer: metrics,
    onError,
    onFeed: reportFeed(health, log),
  });
  const db = followChanges(unfollowed, coherentCache.coherence);
  const refusals = createRefusals(db, refusalsIntervalMs, onError);
  const failedLogIns = createFailedLogIns(db, refusalsIntervalMs, onError);
  const lastUsed = createLastUsed(db, usesIntervalMs, onError);
  const oidc = createOidcVerifier(config.oidcIssuers, {
    onFailure: (issuer, error) =>
      log.warn({ issuer, error: describe(error) }, "an issuer's keys cannot be fetched"),
  });
  const resolver = createResolver(coherentCache.loader, oidc, config);
  const onBug = (error: unknown) => log.error({ error: describe(error) }, "a call failed: this is a bug");
  const onCanceled = (error: unknown) => log.debug({ error: describe(error) }, "a client canceled its call");
  const authDeps: AuthDeps = {
    resolver,
    lastUsed,
    refusals,
    tokenPrefix: config.tokenPrefix,
    provisionUser: (call, newUser) =>
      withStatements({ turn: turnOfStranger(call) }, () => provisionUser(db, call, config.bounds, newUser)),
    errors: { isUnavailable, isBusy, onBug },
    onCanceled,
    loader: coherentCache.loader,
    operate: (turn, signal, operation) =>
      withStatements({ turn, signal, primary: coherentCache.coherence.primary }, operation),
  };
  const background = createBackground((error) =>
    log.error({ error: describe(error) }, "work in the background failed"),
  );
  const housekeeping = startHousekeeping(db, config, background, log);

  const jsonOptions = { ignoreUnknownFields: false, alwaysEmitImplicit: false };
  const routerOptions: ConnectRouterOptions = {
    requestGate: createRequestGate(createAuthInterceptor(authDeps)),
    interceptors: [createErrorInterceptor(authDeps, validate)],
    jsonOptions,
    readMaxBytes: limits.maxMessageBytes,
    maxTimeoutMs: limits.maxRpcTimeoutMs,
    ...(shutdownSignal && { shutdownSignal }),
  };

  const tokenDeps: TokenDeps = {
    resolver,
    oidc,
    lastUsed,
    tokenPrefix: config.tokenPrefix,
    vocabulary: config.permissions,
    revocations: createPublicLimit("revocations", revocationsPerMinute, 60),
    onVerdict: metrics.verdict,
  };

  const routes = createRoutes({
    db,
    config,
    passwords,
    mailer,
    refusals,
    failedLogIns,
    tokens: tokenDeps,
    health,
    // It goes on when its call has ended, and still takes the turns of its caller.
    background(work) {
      const { turn } = statementScope();
      withStatements(turn ? { turn } : {}, () => background.run(work));
    },
  });
  const requestLog = createRequestLog(log, metrics, createClientAddress(config.trustedProxies));
  const adapter = connectNodeAdapter({
    ...routerOptions,
    routes,
    acceptCompression: [compressionGzip],
    contextValues: requestLog.contextValues,
  });
  const fastPathOptions: FastPathOptions = {
    maxTimeoutMs: limits.maxRpcTimeoutMs,
    maxMessageBytes: limits.maxMessageBytes,
    jsonOptions,
    contextValues: requestLog.contextValues,
    onBug,
  };
  const fastPathDeps = {
    ...authDeps,
    loader: coherentCache.loader,
    onVerdict: metrics.verdict,
    keptBytes: entries * keptBytesPerEntry,
  };
  const hot = fastPathMethods(fastPathDeps, validate, verification(tokenDeps));
  const { handler, plain } = createFastPath(fastPath ? hot : [], fastPathOptions, inTurns(adapter, onBug));
  const outer = <Q extends Request, S extends Response>(inner: HandlerOf<Q, S>) =>
    requestLog.observe(withCors(config.corsOrigins, inner));
  return {
    routes,
    routerOptions,
    handler: outer(handler),
    plain: { accepts: plain.accepts, handler: outer(plain.handler) },
    health,
    primary: coherentCache.coherence.primary,
    settled: coherentCache.coherence.barrier,
    ready: () => coherentCache.coherence.ready(readyMs),
    async flush() {
      await background.settle();
      await Promise.all([refusals.flush(), failedLogIns.flush(), lastUsed.flush()]);
    },
    async close() {
      housekeeping.stop();
      await background.settle();
      await Promise.all([refusals.close(), failedLogIns.close(), lastUsed.close()]);
      await coherentCache.coherence.stop();
    },
  };
}

// The cause is for the log alone; what looks like a secret is taken out there.
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
