import type { Message } from "@bufbuild/protobuf";
import { TokenService, type VerifyTokenResponse } from "../../gen/latchkey/v1/token_service_pb.ts";
import type { OwnOrigin } from "../net/console/own-origin.ts";
import { isConsolePath, siteEndpoint } from "../net/console/site-endpoint.ts";
import type { FastPathMethod, FastPathOptions } from "../net/fast-path/codec.ts";
import type { Endpoint, EndpointOptions, EndpointTable } from "../net/http-json/endpoints.ts";
import { forwardAuthEndpoint } from "../net/http-json/forward-auth-endpoint.ts";
import { oauthEndpoint } from "../net/http-json/oauth-endpoint.ts";
import type { FairTurns } from "../net/turns.ts";
import { type ForwardAuth, forwardAuthName } from "../rpc/gateway/forward-auth.ts";
import type { AuthDeps } from "../rpc/middleware/auth-interceptor.ts";
import { introspectionOf, verifyRequestOf } from "../rpc/oauth/introspect.ts";
import { introspectMethod, revokeMethod } from "../rpc/oauth/methods.ts";
import { revokeRequestOf } from "../rpc/oauth/revoke.ts";
import { readSite } from "./console-site.ts";
import { referenceEndpoints } from "./reference.ts";

/** What the endpoints are assembled from. */
export interface EndpointDeps {
  auth: AuthDeps;
  /** The methods of the fast path: those that verify, and all others. */
  verifications: readonly FastPathMethod[];
  operations: readonly FastPathMethod[];
  /** The turns of both. */
  verificationTurns: FairTurns;
  operationTurns: FairTurns;
  /** Web origins that may show the console's embedded page in a frame. */
  embedOrigins: readonly string[];
  ownOrigin: OwnOrigin;
  options: FastPathOptions & EndpointOptions;
}

/** Returns the endpoints of standards of HTTP and the files of the console, by their paths. */
export function createEndpoints(deps: EndpointDeps): EndpointTable {
  const { embedOrigins, ownOrigin, operationTurns: turns, options } = deps;
  const standard = standardEndpoints(deps);
  const site = siteEndpoint({ read: () => readSite(embedOrigins), ownOrigin, turns }, options);
  return { get: (path) => standard.get(path) ?? (isConsolePath(path) ? site : undefined) };
}

function standardEndpoints(deps: EndpointDeps): ReadonlyMap<string, Endpoint> {
  const { auth, verifications, operations, options } = deps;
  const { verifyToken, revokeToken } = TokenService.method;
  const introspect = oauthEndpoint(
    {
      format: {
        form: "introspect",
        requestOf: verifyRequestOf,
        bodyOf: (response: Message) => introspectionOf(response as VerifyTokenResponse),
      },
      method: introspectMethod(methodOf(verifications, verifyToken), "introspect"),
      turns: deps.verificationTurns,
    },
    options,
  );
  const revoke = oauthEndpoint(
    {
      format: { form: "revoke", requestOf: revokeRequestOf, bodyOf: () => undefined },
      method: revokeMethod(auth, methodOf(operations, revokeToken), "revoke"),
      turns: deps.operationTurns,
    },
    options,
  );
  return new Map([
    ["/v1/oauth/introspect", introspect],
    ["/v1/oauth/revoke", revoke],
    ...referenceEndpoints(deps.operationTurns, options),
  ]);
}

/** Returns the endpoints that gateways ask about requests of their clients, by their paths. */
export function createGatewayEndpoints(
  answer: ForwardAuth,
  turns: FairTurns,
  { contextValues, onBug }: EndpointDeps["options"],
): EndpointTable {
  const forwardAuth = forwardAuthEndpoint({
    name: forwardAuthName,
    turns,
    answer: (request, from) => answer({ ...request, values: contextValues(from) }),
    onBug,
  });
  return new Map([["/v1/forward_auth", forwardAuth]]);
}

function methodOf(methods: readonly FastPathMethod[], method: FastPathMethod["method"]): FastPathMethod {
  const found = methods.find((one) => one.method === method);
  if (!found) throw new Error(`${method.toString()} is no method of the fast path`);
  return found;
}
