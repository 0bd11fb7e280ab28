import type { DescFile } from "@bufbuild/protobuf";
import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { compressionGzip, connectNodeAdapter } from "@connectrpc/connect-node";
import { AccountService, file_latchkey_v1_account_service } from "../gen/latchkey/v1/account_service_pb.ts";
import { ApiKeyService } from "../gen/latchkey/v1/api_key_service_pb.ts";
import { AuditService } from "../gen/latchkey/v1/audit_service_pb.ts";
import { InviteService } from "../gen/latchkey/v1/invite_service_pb.ts";
import { ProfileService } from "../gen/latchkey/v1/profile_service_pb.ts";
import { RoleService } from "../gen/latchkey/v1/role_service_pb.ts";
import { ServiceAccountService } from "../gen/latchkey/v1/service_account_service_pb.ts";
import { SessionService } from "../gen/latchkey/v1/session_service_pb.ts";
import { TeamService } from "../gen/latchkey/v1/team_service_pb.ts";
import { TokenService } from "../gen/latchkey/v1/token_service_pb.ts";
import { WorkspaceAdminService } from "../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { WorkspaceService } from "../gen/latchkey/v1/workspace_service_pb.ts";
import { createBackground } from "./background.ts";
import { createCalls } from "./calls.ts";
import type { Config } from "./config.ts";
import { type Db, followChanges } from "./db/connect.ts";
import { isUnavailable } from "./db/errors.ts";
import { purgeOneAccount } from "./domain/account-delete.ts";
import { welcome } from "./domain/identity.ts";
import type { Mailer } from "./domain/mail.ts";
import type { Passwords } from "./domain/password.ts";
import { createPermissionParser } from "./domain/permission-vocabulary.ts";
import { createRefusals } from "./domain/refusal.ts";
import { mintToken } from "./domain/token.ts";
import type { Log } from "./log.ts";
import type { Metrics } from "./metrics.ts";
import { createClientAddress } from "./net/client-address.ts";
import { withCors } from "./net/cors.ts";
import type { Handler } from "./net/exchange.ts";
import { createHealthStatus, type HealthStatus, registerHealth } from "./net/health.ts";
import type { Limits } from "./net/limits.ts";
import { registerReflection } from "./net/reflection.ts";
import { accountService } from "./rpc/account-service.ts";
import { apiKeyService } from "./rpc/api-key-service.ts";
import { auditService } from "./rpc/audit-service.ts";
import { createErrorInterceptor, createGate, type GateDeps } from "./rpc/gate.ts";
import { inviteService } from "./rpc/invite-service.ts";
import { noteOutcomes } from "./rpc/outcome.ts";
import { explainParseErrors } from "./rpc/parse-errors.ts";
import { profileService } from "./rpc/profile-service.ts";
import { roleService } from "./rpc/role-service.ts";
import { serviceAccountService } from "./rpc/service-account-service.ts";
import { sessionService } from "./rpc/session-service.ts";
import { teamService } from "./rpc/team-service.ts";
import { tokenService } from "./rpc/token-service.ts";
import { createValidate } from "./rpc/validate.ts";
import { workspaceAdminService } from "./rpc/workspace-admin-service.ts";
import { workspaceService } from "./rpc/workspace-service.ts";
import { createMemory } from "./verify/memory.ts";
import { createOidcVerifier } from "./verify/oidc.ts";
import { createPublicLimit } from "./verify/public-limit.ts";
import { createResolver } from "./verify/resolve.ts";
import { createUses } from "./verify/use.ts";

/** What the service is assembled from. */
export interface AppDeps {
  db: Db;
  /** What verification looks up goes through this pool, and so do the beats that say that memory may be served. */
  lookups: Db;
  /** Where changes are told: the database itself, without a pooler between. */
  listenUrl: string;
  config: Pick<
    Config,
    | "tokenPrefix"
    | "signup"
    | "sessionIdleMs"
    | "sessionLifetimeMs"
    | "corsOrigins"
    | "trustedProxies"
    | "permissions"
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
}

/** The assembled service. It listens to nothing. */
export interface App {
  /** Registers every service on a router that was made with `routerOptions`. */
  routes(router: ConnectRouter): void;
  routerOptions: ConnectRouterOptions;
  /** Answers HTTP requests. */
  handler: Handler;
  health: HealthStatus;
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
const flushIntervalMs = 1_000;
// Of ending tokens with nothing but the token: more than anybody has tokens, less than a guesser would like.
const revocationsPerMinute = 600;
// Wrong passwords in five minutes: enough for a person with many of them, too few for a guesser.
const guessSeconds = 300;
const guessesPerEmail = 10;
const guessesPerAddress = 100;
const mailSeconds = 3_600;
const mailsPerEmail = 5;
const mailsPerAddress = 100;
// How long a start waits to be warm.
const readyMs = 2_000;
const purgeIntervalMs = 3_600_000;

/** Every service of ours, in the order of the documentation. */
export const services = [
  ApiKeyService,
  AccountService,
  WorkspaceService,
  WorkspaceAdminService,
  ProfileService,
  SessionService,
  TokenService,
  AuditService,
  InviteService,
  TeamService,
  RoleService,
  ServiceAccountService,
];

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
}: AppDeps): App {
  const onError = (error: unknown) =>
    log.error({ error: describe(error) }, "could not write in the background");
  const { cacheEntries: entries, maxStalenessMs } = config;
  const memory = createMemory({
    db: lookups,
    listenUrl,
    entries,
    maxStalenessMs,
    observer: metrics,
    onError,
  });
  const db = followChanges(unfollowed, memory.coherence);
  const refusals = createRefusals(db, flushIntervalMs, onError);
  const uses = createUses(db, flushIntervalMs, onError);
  const oidc = createOidcVerifier(config.oidcIssuers, {
    onFailure: (issuer, error) =>
      log.warn({ issuer, error: describe(error) }, "an issuer's keys cannot be fetched"),
  });
  const resolver = createResolver(memory.loader, oidc, config);
  const mint = mintToken.bind(undefined, config.tokenPrefix);
  const parsePermissions = createPermissionParser(config.permissions);
  const gateDeps: GateDeps = {
    resolver,
    uses,
    refusals,
    tokenPrefix: config.tokenPrefix,
    welcome: (call, newcomer) => welcome(db, call, newcomer),
    errors: {
      isUnavailable,
      onBug: (error) => log.error({ error: describe(error) }, "a call failed: this is a bug"),
    },
  };
  const validate = createValidate(
    services.flatMap((service) => service.methods.map((method) => method.input)),
  );
  const health = createHealthStatus();
  const background = createBackground((error) =>
    log.error({ error: describe(error) }, "work in the background failed"),
  );
  const purge = setInterval(() => background.run(purgeAccounts), purgeIntervalMs);
  purge.unref();

  async function purgeAccounts(): Promise<void> {
    for (let id = await purgeOneAccount(db); id !== undefined; id = await purgeOneAccount(db)) {
      log.info({ accountId: id }, "the data of a deleted account is gone");
    }
  }

  // One count each, however many routers there are.
  const revocations = createPublicLimit("revocations", revocationsPerMinute, 60);
  const publicLimits = {
    guessesPerEmail: createPublicLimit("guessesPerEmail", guessesPerEmail, guessSeconds),
    guessesPerAddress: createPublicLimit("guessesPerAddress", guessesPerAddress, guessSeconds),
    mailsPerEmail: createPublicLimit("mailsPerEmail", mailsPerEmail, mailSeconds),
    mailsPerAddress: createPublicLimit("mailsPerAddress", mailsPerAddress, mailSeconds),
  };
  const routerOptions: ConnectRouterOptions = {
    requestGate: createGate(gateDeps),
    interceptors: [createErrorInterceptor(gateDeps, validate)],
    jsonOptions: { ignoreUnknownFields: false, alwaysEmitImplicit: false },
    readMaxBytes: limits.maxMessageBytes,
    maxTimeoutMs: limits.maxRpcTimeoutMs,
    ...(shutdownSignal && { shutdownSignal }),
  };

  function routes(router: ConnectRouter): void {
    router.service(ApiKeyService, apiKeyService(db, { mint, parsePermissions }));
    const { tokenPrefix, sessionIdleMs } = config;
    const sessions = { mint, passwords, lifetimeMs: config.sessionLifetimeMs, signup: config.signup };
    const mails = { mint, mailer, tokenPrefix };
    router.service(AccountService, accountService(db, mails));
    router.service(WorkspaceService, workspaceService(db));
    router.service(WorkspaceAdminService, workspaceAdminService(db, mails));
    router.service(ProfileService, profileService(db));
    router.service(InviteService, inviteService(db, { ...sessions, ...mails }));
    router.service(TeamService, teamService(db));
    router.service(RoleService, roleService(db, parsePermissions));
    router.service(ServiceAccountService, serviceAccountService(db));
    router.service(
      SessionService,
      sessionService(db, {
        ...sessions,
        ...mails,
        sessionIdleMs,
        ...publicLimits,
        background: background.run,
      }),
    );
    router.service(
      TokenService,
      tokenService(db, {
        resolver,
        oidc,
        uses,
        tokenPrefix: config.tokenPrefix,
        vocabulary: config.permissions,
        revocations,
        onVerdict: metrics.verdict,
      }),
    );
    router.service(AuditService, auditService(db, refusals));
    registerHealth(router, health);
    registerReflection(router, schemaFiles);
    explainParseErrors(router);
    noteOutcomes(router);
  }

  const calls = createCalls(log, metrics, createClientAddress(config.trustedProxies));
  const adapter = connectNodeAdapter({
    ...routerOptions,
    routes,
    acceptCompression: [compressionGzip],
    contextValues: calls.contextValues,
  });
  return {
    routes,
    routerOptions,
    handler: calls.observe(withCors(config.corsOrigins, adapter)),
    health,
    settled: memory.coherence.barrier,
    ready: () => memory.coherence.ready(readyMs),
    async flush() {
      await background.settle();
      await Promise.all([refusals.flush(), uses.flush()]);
    },
    async close() {
      clearInterval(purge);
      await background.settle();
      await Promise.all([refusals.close(), uses.close()]);
      await memory.coherence.stop();
    },
  };
}

const schemaFiles: DescFile[] = [file_latchkey_v1_account_service];

// The cause is for the log alone; what looks like a secret is taken out there.
function describe(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
