import { type DescField, getOption, hasOption } from "@bufbuild/protobuf";
import type { ConnectRouter, ConnectRouterOptions, ContextValues } from "@connectrpc/connect";
import { redact } from "../../gen/latchkey/v1/redact_pb.ts";
import { createTokenSearch, parseToken } from "../domain/kernel/token.ts";
import { createClientAddress } from "../net/client-address.ts";
import { createConnectAdapter } from "../net/connect-adapter.ts";
import { type ConsoleOptions, withConsole } from "../net/console/console.ts";
import { createOwnOrigin, type OwnOrigin } from "../net/console/own-origin.ts";
import { withCors } from "../net/cors.ts";
import { createFastPath, type FastPath } from "../net/fast-path/fast-path.ts";
import { withEndpoints } from "../net/http-json/endpoints.ts";
import { withHttpJson } from "../net/http-json/http-json.ts";
import type { Request } from "../net/request.ts";
import { createFairTurns, inTurns } from "../net/turns.ts";
import { verificationMethods } from "../rpc/fast-path.ts";
import { isList, operationMethods } from "../rpc/fast-path-operations.ts";
import { extAuthzMethod } from "../rpc/gateway/ext-authz-method.ts";
import { createForwardAuth } from "../rpc/gateway/forward-auth.ts";
import type { GatewayDeps } from "../rpc/gateway/gateway.ts";
import { jsonOptions } from "../rpc/json-options.ts";
import type { AuthDeps } from "../rpc/middleware/auth-interceptor.ts";
import { recordOf } from "../rpc/middleware/context.ts";
import { gzip } from "../rpc/middleware/gzip.ts";
import type { BoundsOf } from "../rpc/middleware/message-bounds.ts";
import type { Validate } from "../rpc/middleware/validate.ts";
import type { Implemented } from "../rpc/operations.ts";
import { type TokenDeps, verification } from "../rpc/token-service.ts";
import type { AppDeps } from "./deps.ts";
import { createEndpoints, createGatewayEndpoints } from "./endpoints.ts";
import type { Parts } from "./parts.ts";
import { createRequestLog, type RequestLog } from "./request-log.ts";

/** How messages are read in binary. Fields that are newer than this server are skipped and not kept. */
export const binaryOptions = { readUnknownFields: false };

// Memory of the response cache for each entry of the credential cache.
const keptBytesPerEntry = 512;

// In one turn of the event loop, verifications start for this long. Then the event loop reads everything that has arrived.
const verificationSliceMs = 2;

/** What the handlers serve. */
export interface Served {
  services: readonly Implemented[];
  routes(router: ConnectRouter): void;
  routerOptions: ConnectRouterOptions;
  auth: AuthDeps;
  tokens: TokenDeps;
  gateway: GatewayDeps;
  validate: Validate;
  boundsOf: BoundsOf;
}

/** Creates the handlers of HTTP requests. Each passes the request log, CORS, and then an endpoint, the fast path or the router. */
export function createHandlers(deps: AppDeps, parts: Parts, served: Served): FastPath {
  const { config, limits, log, metrics, fastPath = true } = deps;
  const [{ reports }, { routes, routerOptions, auth }] = [parts, served];
  const requestLog = createRequestLog(log, metrics, createClientAddress(config.trustedProxies));
  const { contextValues, clientOf } = requestLog;
  const requestIdOf = (request: Request) => recordOf(contextValues(request)).requestId;
  const onRefusal = (code: string, request: Request) => {
    recordOf(contextValues(request)).code = code;
  };
  const onBug = (error: unknown, request: Request) => {
    recordOf(contextValues(request)).code = "internal";
    reports.bug(error);
  };
  const observing = { acceptCompression: [gzip], contextValues, requestIdOf, onRefusal, onBug };
  const adapter = createConnectAdapter({ ...routerOptions, routes, ...observing });
  const { verifications, extAuthz, forwardAuth, operations } = createMethods(deps, parts, served);
  // One request per turn of the event loop, so that a burst of other calls does not delay verification.
  const oneByOne = createFairTurns(0);
  const verificationTurns = createFairTurns(verificationSliceMs);
  // The verifications are in both groups. The last group decides.
  const verifying = { methods: [...verifications, extAuthz], turns: verificationTurns };
  const groups = [
    { methods: operations.filter(({ method }) => !isList(method)), turns: oneByOne },
    verifying,
  ];
  const options = {
    maxTimeoutMs: limits.maxRpcTimeoutMs,
    jsonOptions,
    binaryOptions,
    contextValues,
    clientOf,
    onBug: reports.bug,
    requestIdOf,
    onOutcome(request: Request, method: string, code: string) {
      Object.assign(recordOf(contextValues(request)), { method, code });
    },
  };
  const fast = createFastPath(
    fastPath ? groups : [],
    options,
    inTurns(oneByOne, adapter, clientOf, reports.bug),
  );
  const ownOrigin = createOwnOrigin(config);
  const turns = { verificationTurns, operationTurns: oneByOne };
  const own = { embedOrigins: config.embedOrigins, ownOrigin };
  const endpoints = createEndpoints({ auth, verifications, operations, ...turns, ...own, options });
  const rest = withHttpJson(
    [{ methods: operations, turns: oneByOne }, verifying],
    { ...options, ...secretSearch(config.tokenPrefix), onRefusal },
    fast,
  );
  const forConsole = withConsole(consoleOptions(config, ownOrigin, contextValues), rest);
  const withCors = allowOrigins(config.corsOrigins, withEndpoints(endpoints, options, forConsole));
  // A preflight request of a gateway's client must not get a status that lets it pass, so CORS does not see these requests.
  const forGateways = createGatewayEndpoints(forwardAuth, verificationTurns, options);
  return observed(requestLog, withEndpoints(forGateways, options, withCors));
}

function observed({ observe }: RequestLog, { handler, plain }: FastPath): FastPath {
  return { handler: observe(handler), plain: { accepts: plain.accepts, handler: observe(plain.handler) } };
}

function consoleOptions(
  config: AppDeps["config"],
  ownOrigin: OwnOrigin,
  contextValues: (request: Request) => ContextValues,
): ConsoleOptions {
  return {
    ownOrigin,
    sessionLifetimeMs: config.sessionLifetimeMs,
    isSession: (text) => parseToken(config.tokenPrefix, text)?.kind === "ses",
    onCall(request, call) {
      recordOf(contextValues(request)).console = call;
    },
  };
}

function allowOrigins(origins: readonly string[], { handler, plain }: FastPath): FastPath {
  const within = withCors(origins, plain.handler);
  return { handler: withCors(origins, handler), plain: { accepts: plain.accepts, handler: within } };
}

function createMethods(
  { config, metrics }: AppDeps,
  { loader }: Parts,
  { services, auth, tokens, gateway, validate, boundsOf }: Served,
) {
  const keeping = { ...auth, loader, boundsOf, keptBytes: config.cacheEntries * keptBytesPerEntry };
  return {
    verifications: verificationMethods(
      { ...keeping, onVerdict: metrics.verdict },
      validate,
      verification(tokens),
    ),
    extAuthz: extAuthzMethod(keeping, gateway, validate),
    forwardAuth: createForwardAuth(keeping, gateway),
    operations: operationMethods({ ...auth, boundsOf }, validate, services),
  };
}

// Credentials in URLs are refused.
function secretSearch(tokenPrefix: string) {
  return {
    hasToken: createTokenSearch(tokenPrefix),
    isSecret: (field: DescField) => hasOption(field, redact) && getOption(field, redact),
  };
}
