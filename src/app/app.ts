import type { ConnectRouter, ConnectRouterOptions } from "@connectrpc/connect";
import type { Handler, PlainHandler } from "../net/request.ts";
import type { HealthStatus } from "../net/standard-services/health.ts";
import { jsonOptions } from "../rpc/json-options.ts";
import { createAuthInterceptor, createErrorInterceptor } from "../rpc/middleware/auth-interceptor.ts";
import { createBoundsOf } from "../rpc/middleware/message-bounds.ts";
import { createRequestGate } from "../rpc/middleware/outcome.ts";
import type { AppDeps } from "./deps.ts";
import { binaryOptions, createHandlers } from "./handlers.ts";
import { createParts } from "./parts.ts";
import { createServiceValidate } from "./routes.ts";
import { authDepsOf, createAppRoutes, gatewayDepsOf, tokenDepsOf } from "./service-deps.ts";

/** The assembled service. It listens to nothing. */
export interface App {
  /** Registers every service on a router that was created with `routerOptions`. */
  routes(router: ConnectRouter): void;
  routerOptions: ConnectRouterOptions;
  /** Answers HTTP requests. */
  handler: Handler;
  /** Answers HTTP/2 requests of the fast path without node's request and response objects. */
  plain: PlainHandler;
  health: HealthStatus;
  /** Returns the start time of the server that is known to be the primary, if one is known. */
  primary(): string | undefined;
  /** Resolves once every change that was committed before is applied at every instance. */
  settled(): Promise<unknown>;
  /** Resolves once this instance may answer from its cache, or after 2 s. */
  ready(): Promise<void>;
  /** Writes what is buffered, so that it can be read. */
  flush(): Promise<void>;
  /** Ends the grants of all guards that watch this instance. Call it before the shutdown signal ends their streams. */
  releaseGuards(): Promise<void>;
  /** Stops the background jobs, writes what is buffered, and leaves the change feed. */
  close(): Promise<void>;
}

const readyMs = 2_000;

/** Assembles the service: its parts, the order of the interceptors, and the routes. */
export function createApp(deps: AppDeps): App {
  // First, because it blocks the event loop for 0.1 s.
  const validate = deps.validate ?? createServiceValidate();
  const { limits, shutdownSignal } = deps;
  const boundsOf = deps.boundsOf ?? createBoundsOf(limits.maxMessageBytes);
  const parts = createParts(deps);
  const auth = authDepsOf(deps, parts);
  const tokens = tokenDepsOf(deps, parts);
  const gateway = gatewayDepsOf(deps, parts, auth, tokens);
  const routerOptions: ConnectRouterOptions = {
    requestGate: createRequestGate(createAuthInterceptor(auth)),
    interceptors: [createErrorInterceptor(auth, validate)],
    jsonOptions,
    binaryOptions,
    readMaxBytes: limits.maxMessageBytes,
    maxTimeoutMs: limits.maxRpcTimeoutMs,
    ...(shutdownSignal && { shutdownSignal }),
  };
  const { services, routes } = createAppRoutes(deps, parts, tokens, gateway, boundsOf);
  const { health, coherence, flush, close } = parts;
  return {
    routes,
    routerOptions,
    ...createHandlers(deps, parts, {
      services,
      routes,
      routerOptions,
      auth,
      tokens,
      gateway,
      validate,
      boundsOf,
    }),
    health,
    primary: coherence.primary,
    settled: coherence.barrier,
    ready: () => coherence.ready(readyMs),
    releaseGuards: coherence.watchers.stop,
    flush,
    close,
  };
}
