import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import { createClientAddress } from "../net/client-address.ts";
import { createConnectAdapter } from "../net/connect-adapter.ts";
import { withCors } from "../net/cors.ts";
import { createFastPath } from "../net/fast-path/fast-path.ts";
import type { Handler, HandlerOf, PlainHandler, Request, Response } from "../net/request.ts";
import { inTurns } from "../net/turns.ts";
import { fastPathMethods } from "../rpc/fast-path.ts";
import { jsonOptions } from "../rpc/json-options.ts";
import type { AuthDeps } from "../rpc/middleware/auth-interceptor.ts";
import { recordOf } from "../rpc/middleware/context.ts";
import { gzip } from "../rpc/middleware/gzip.ts";
import type { BoundsOf } from "../rpc/middleware/message-bounds.ts";
import type { Validate } from "../rpc/middleware/validate.ts";
import { type TokenDeps, verification } from "../rpc/token-service.ts";
import type { AppDeps } from "./deps.ts";
import type { Parts } from "./parts.ts";
import { createRequestLog } from "./request-log.ts";

/** How messages are read in binary. Fields that are newer than this server are skipped and not kept. */
export const binaryOptions = { readUnknownFields: false };

// Memory of the response cache for each entry of the credential cache.
const keptBytesPerEntry = 512;

/** What the handlers serve. */
export interface Served {
  routes(router: ConnectRouter): void;
  routerOptions: ConnectRouterOptions;
  auth: AuthDeps;
  tokens: TokenDeps;
  validate: Validate;
  boundsOf: BoundsOf;
}

/** Creates the handlers of HTTP requests. Each passes the request log, CORS, and then the fast path or the router. */
export function createHandlers(
  { config, limits, log, metrics, fastPath = true }: AppDeps,
  { loader, reports }: Parts,
  { routes, routerOptions, auth, tokens, validate, boundsOf }: Served,
): { handler: Handler; plain: PlainHandler } {
  const requestLog = createRequestLog(log, metrics, createClientAddress(config.trustedProxies));
  const { contextValues, clientOf } = requestLog;
  const adapter = createConnectAdapter({
    ...routerOptions,
    routes,
    acceptCompression: [gzip],
    contextValues,
    onBug(error, request) {
      recordOf(contextValues(request)).code = "internal";
      reports.bug(error);
    },
  });
  const keptBytes = config.cacheEntries * keptBytesPerEntry;
  const methods = fastPathMethods(
    { ...auth, loader, onVerdict: metrics.verdict, keptBytes, boundsOf },
    validate,
    verification(tokens),
  );
  const { handler, plain } = createFastPath(
    fastPath ? methods : [],
    {
      maxTimeoutMs: limits.maxRpcTimeoutMs,
      jsonOptions,
      binaryOptions,
      contextValues,
      clientOf,
      onBug: reports.bug,
    },
    inTurns(adapter, clientOf, reports.bug),
  );
  const outer = <Q extends Request, S extends Response>(inner: HandlerOf<Q, S>) =>
    requestLog.observe(withCors(config.corsOrigins, inner));
  return { handler: outer(handler), plain: { accepts: plain.accepts, handler: outer(plain.handler) } };
}
