import { isBusy, isUnavailable } from "../db/errors.ts";
import { statementScope, withStatements } from "../db/statement-scope.ts";
import { builtinPresets } from "../domain/access/permission-preset.ts";
import { provisionUser } from "../domain/external-identity/provision-user.ts";
import { withAuthorization } from "../net/http-json/bearer.ts";
import { errorResponse, httpErrorOf } from "../net/http-json/error-body.ts";
import type { GatewayDeps } from "../rpc/gateway/gateway.ts";
import type { AuthDeps } from "../rpc/middleware/auth-interceptor.ts";
import type { BoundsOf } from "../rpc/middleware/message-bounds.ts";
import { turnBeforeBearer } from "../rpc/middleware/turn.ts";
import type { TokenDeps } from "../rpc/token-service.ts";
import { explain } from "../verify/explain/explain.ts";
import { createPublicLimit } from "../verify/public-limit.ts";
import type { AppDeps } from "./deps.ts";
import type { Parts } from "./parts.ts";
import { createRoutes, type Routes } from "./routes.ts";

// Limit for `RevokeToken` without a bearer: high enough for real use, low enough to stop guessing.
const revocationsPerMinute = 600;

// The statement that reads where permissions come from. It takes about a millisecond.
const maxExplainMs = 1_000;

/** Returns what authentication and authorization depend on. */
export function authDepsOf({ config }: AppDeps, parts: Parts): AuthDeps {
  const { resolver, usage, limiter, refusals, loader, coherence, db, reports } = parts;
  return {
    resolver,
    usage,
    limiter,
    refusals,
    tokenPrefix: config.tokenPrefix,
    provisionUser: (call, newUser) =>
      withStatements({ turn: turnBeforeBearer(call) }, () => provisionUser(db, call, config.bounds, newUser)),
    errors: { isUnavailable, isBusy, onBug: reports.bug },
    onCanceled: reports.canceled,
    loader,
    operate: (turn, signal, operation) =>
      withStatements({ turn, signal, primary: coherence.primary }, operation),
  };
}

/** Returns what the verification of tokens depends on. */
export function tokenDepsOf({ config, metrics }: AppDeps, parts: Parts): TokenDeps {
  const { resolver, oidc, usage, draw, coherence, db } = parts;
  const presets = [...builtinPresets, ...config.permissionSets];
  return {
    resolver,
    oidc,
    usage,
    draw,
    vocabulary: config.permissions,
    watchers: coherence.watchers,
    revocations: createPublicLimit("revocations", revocationsPerMinute, 60),
    onVerdict: metrics.verdict,
    explain(turn, explained) {
      const scope = { ...statementScope(), turn, primary: coherence.primary, limitMs: maxExplainMs };
      return withStatements(scope, () => explain(db, presets, explained));
    },
  };
}

/** Returns what the endpoints for gateways depend on. */
export function gatewayDepsOf(
  { config }: AppDeps,
  { reports }: Parts,
  auth: AuthDeps,
  tokens: TokenDeps,
): GatewayDeps {
  return {
    ...tokens,
    tokenPrefix: config.tokenPrefix,
    errors: auth.errors,
    withAuthorization,
    errorBody: (error, status, accept) => errorResponse({ ...httpErrorOf(error), status }, { accept }),
    onWrongRule: reports.wrongRule,
  };
}

/** Prepares the routes of all services. */
export function createAppRoutes(
  { config, passwords, mailer }: AppDeps,
  { db, refusals, failedLogIns, health, background }: Parts,
  tokens: TokenDeps,
  gateway: GatewayDeps,
  boundsOf: BoundsOf,
): Routes {
  return createRoutes({
    db,
    config,
    passwords,
    mailer,
    refusals,
    failedLogIns,
    tokens,
    gateway,
    health,
    boundsOf,
    // Background work continues after its call has ended, and still takes the turns of the caller.
    background(work) {
      const { turn } = statementScope();
      withStatements(turn ? { turn } : {}, () => background.run(work));
    },
  });
}
