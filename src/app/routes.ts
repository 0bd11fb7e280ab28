import type { DescFile } from "@bufbuild/protobuf";
import type { ConnectRouter } from "@connectrpc/connect";
import {
  Authorization,
  file_envoy_service_auth_v3_external_auth,
} from "../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import {
  AccountService,
  file_latchkey_v1_account_service,
} from "../../gen/latchkey/v1/account_service_pb.ts";
import { ApiKeyService } from "../../gen/latchkey/v1/api_key_service_pb.ts";
import { AuditService } from "../../gen/latchkey/v1/audit_service_pb.ts";
import { InviteService } from "../../gen/latchkey/v1/invite_service_pb.ts";
import { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { RoleService } from "../../gen/latchkey/v1/role_service_pb.ts";
import { ServiceAccountService } from "../../gen/latchkey/v1/service_account_service_pb.ts";
import { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import { TeamService } from "../../gen/latchkey/v1/team_service_pb.ts";
import { TokenService } from "../../gen/latchkey/v1/token_service_pb.ts";
import { UsageService } from "../../gen/latchkey/v1/usage_service_pb.ts";
import { WorkspaceAdminService } from "../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { WorkspaceService } from "../../gen/latchkey/v1/workspace_service_pb.ts";
import type { Config } from "../config/config.ts";
import type { Store } from "../db/connect.ts";
import { createPermissionParser } from "../domain/access/permission-vocabulary.ts";
import type { Mailer } from "../domain/kernel/mail.ts";
import type { Refusals } from "../domain/kernel/refusal.ts";
import { mintToken } from "../domain/kernel/token.ts";
import { createComparisonQueue } from "../domain/role/comparison.ts";
import type { FailedLogIns } from "../domain/session/failed-log-in.ts";
import type { Passwords } from "../domain/user/password.ts";
import { type HealthStatus, registerHealth } from "../net/standard-services/health.ts";
import { createOpenStreams } from "../net/standard-services/open-streams.ts";
import { registerReflection } from "../net/standard-services/reflection.ts";
import { accountService } from "../rpc/account-service.ts";
import { apiKeyService } from "../rpc/api-key-service.ts";
import { auditService } from "../rpc/audit-service.ts";
import { extAuthz } from "../rpc/gateway/ext-authz.ts";
import type { GatewayDeps } from "../rpc/gateway/gateway.ts";
import { inviteService } from "../rpc/invite-service.ts";
import { boundBodies, withSizes } from "../rpc/middleware/bounded-body.ts";
import { recordOf } from "../rpc/middleware/context.ts";
import { createInviteLimit } from "../rpc/middleware/invite-limit.ts";
import type { BoundsOf } from "../rpc/middleware/message-bounds.ts";
import { recordOutcomes } from "../rpc/middleware/outcome.ts";
import { explainParseErrors } from "../rpc/middleware/parse-errors.ts";
import { createPeopleLimits, type PeopleLimitSettings } from "../rpc/middleware/people-limits.ts";
import { createValidate, type Validate } from "../rpc/middleware/validate.ts";
import { type Implemented, implemented } from "../rpc/operations.ts";
import { profileService } from "../rpc/profile-service.ts";
import { roleService } from "../rpc/role-service.ts";
import { serviceAccountService } from "../rpc/service-account-service.ts";
import { sessionService } from "../rpc/session-service.ts";
import { teamService } from "../rpc/team-service.ts";
import { type TokenDeps, tokenService } from "../rpc/token-service.ts";
import { usageService } from "../rpc/usage-service.ts";
import { workspaceAdminService } from "../rpc/workspace-admin-service.ts";
import { workspaceService } from "../rpc/workspace-service.ts";
import { claimingIssuersOf } from "../verify/oidc/oidc.ts";
import type { PublicLimit } from "../verify/public-limit.ts";
import type { Background } from "./background.ts";

/** What the services depend on. */
export interface RouteDeps {
  db: Store;
  config: PeopleLimitSettings &
    Pick<
      Config,
      | "tokenPrefix"
      | "publicUrl"
      | "signup"
      | "sessionIdleMs"
      | "sessionLifetimeMs"
      | "permissions"
      | "permissionSets"
      | "oidcIssuers"
      | "bounds"
      | "usageRetentionMs"
      | "clientAddressRetentionMs"
    >;
  passwords: Passwords;
  mailer: Mailer;
  refusals: Refusals;
  failedLogIns: FailedLogIns;
  tokens: TokenDeps;
  gateway: GatewayDeps;
  health: HealthStatus;
  background: Background["run"];
  boundsOf: BoundsOf;
}

/** Every service of ours, in the order of the documentation. Protocols of others, such as that of Envoy, are not among them. */
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
  UsageService,
];

/** The services with their operations, and the function that registers them on a router of Connect. */
export interface Routes {
  services: readonly Implemented[];
  routes(router: ConnectRouter): void;
}

/** Prepares every service. All routers and the fast path share the same rate limits. */
export function createRoutes({ boundsOf, ...deps }: RouteDeps): Routes {
  const services = implementAll(deps);
  const streams = createOpenStreams(({ values }) => recordOf(values).addressKey);
  return {
    services,
    routes(all) {
      const router = withSizes(all, boundsOf);
      for (const { service, operations } of services) router.service(service, operations);
      registerHealth(router, deps.health, streams);
      registerReflection(router, streams, schemaFiles);
      explainParseErrors(all, boundsOf);
      boundBodies(all, boundsOf);
      recordOutcomes(all);
    },
  };
}

function implementAll(deps: Omit<RouteDeps, "boundsOf">): Implemented[] {
  const { db, config, passwords, refusals, failedLogIns, tokens, gateway, background } = deps;
  const { tokenPrefix, sessionIdleMs, bounds, publicUrl } = config;
  const mailer = { ...deps.mailer, consoleUrl: publicUrl && `${publicUrl}/console` };
  const mint = mintToken.bind(undefined, tokenPrefix);
  const parsePermissions = createPermissionParser(config.permissions, config.permissionSets);
  const access = {
    bounds,
    claimingIssuers: claimingIssuersOf(config.oidcIssuers),
    comparisons: createComparisonQueue(),
  };
  const sessions = { mint, passwords, lifetimeMs: config.sessionLifetimeMs, signup: config.signup };
  const limits = createPeopleLimits(config);
  const inviteLimit = (perAccount: PublicLimit) =>
    createInviteLimit({ perAccount, perEmail: limits.mailsPerEmail, delivers: mailer.delivers });
  const mails = { mint, mailer, tokenPrefix, ...access, inviteLimit: inviteLimit(limits.invites) };
  const accounts = { ...mails, limits, inviteLimit: inviteLimit(limits.openedAccounts) };
  return [
    implemented(ApiKeyService, apiKeyService(db, { mint, parsePermissions, bounds })),
    implemented(AccountService, accountService(db, accounts)),
    implemented(WorkspaceService, workspaceService(db)),
    implemented(WorkspaceAdminService, workspaceAdminService(db, mails)),
    implemented(ProfileService, profileService(db, access)),
    implemented(InviteService, inviteService(db, { ...sessions, ...mails, limits })),
    implemented(TeamService, teamService(db, access)),
    implemented(RoleService, roleService(db, { parsePermissions, ...access }, config)),
    implemented(ServiceAccountService, serviceAccountService(db, bounds)),
    implemented(
      SessionService,
      sessionService(db, {
        ...sessions,
        ...mails,
        parsePermissions,
        sessionIdleMs,
        limits,
        failedLogIns,
        background,
      }),
    ),
    implemented(TokenService, tokenService(db, tokens)),
    implemented(
      AuditService,
      auditService(db, () => Promise.all([refusals.flush(), failedLogIns.flush()])),
    ),
    implemented(UsageService, usageService(db, config)),
    implemented(Authorization, extAuthz(gateway)),
  ];
}

const schemaFiles: DescFile[] = [file_latchkey_v1_account_service, file_envoy_service_auth_v3_external_auth];

/** Creates the validation of every request message of the services. The messages of streams have no rules. */
export function createServiceValidate(): Validate {
  const methods = [...services, Authorization].flatMap((service) => service.methods);
  return createValidate(methods.filter(({ methodKind }) => methodKind === "unary").map(({ input }) => input));
}
