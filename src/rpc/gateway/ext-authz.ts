import type { MessageInitShape } from "@bufbuild/protobuf";
import { Code, type HandlerContext } from "@connectrpc/connect";
import {
  CheckResponse_HeaderOption_Action as Action,
  type CheckRequest,
  type CheckResponseSchema,
} from "../../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import type { Principal } from "../../domain/access/principal.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { accountHeader, callerOf, recordOf } from "../middleware/context.ts";
import { toConnectError } from "../middleware/errors.ts";
import { verifierHeader } from "../middleware/verifier-token.ts";
import type { GatewayDeps } from "./gateway.ts";
import { identityHeaders, identityOf } from "./identity.ts";
import { type RefusalStatus, refusalStatus } from "./refusal-status.ts";
import { parseRouteRule, type RouteRule, type RuleParameter } from "./route-rule.ts";
import { evaluateSubject, type HeaderReader } from "./subject.ts";

type Response = MessageInitShape<typeof CheckResponseSchema>;

const parameters: readonly RuleParameter[] = [
  "permission",
  "entitlement",
  "workspace_id",
  "account_id",
  "environment",
  "deny_429_as",
  "remove_credentials",
];
const credentials = ["authorization", "x-api-key"];
// Envoy may be configured to show only some of the client's headers, so these are removed whether or not they are seen.
const ours: readonly string[] = [...identityHeaders, verifierHeader, accountHeader];
// Codes of `google.rpc.Code`. Envoy only distinguishes 0 from all others.
const codes: Record<RefusalStatus, Code> = {
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  429: Code.ResourceExhausted,
  503: Code.Unavailable,
};

/** `envoy.service.auth.v3.Authorization`: the external authorization of Envoy. The caller is Envoy, with its verifier key. */
export function extAuthz(deps: GatewayDeps) {
  return {
    async check(request: CheckRequest, context: Pick<HandlerContext, "values">): Promise<Response> {
      const headers = request.attributes?.request?.http?.headers ?? {};
      const reader = readerOf(headers);
      let rule: RouteRule | undefined;
      try {
        rule = ruleOf(deps, request);
        const { principal, evaluation } = await evaluateSubject(deps, callerOf(context), reader, rule);
        recordOf(context.values).soleEvaluation = evaluation;
        return allowed(principal, Object.keys(headers), rule.removesCredentials);
      } catch (error) {
        return denied(deps, error, reader, rule?.hides429 ?? false);
      }
    },
  };
}

function ruleOf({ vocabulary, onWrongRule }: GatewayDeps, { attributes }: CheckRequest): RouteRule {
  try {
    return parseRouteRule(Object.entries(attributes?.contextExtensions ?? {}), parameters, vocabulary);
  } catch (error) {
    if (error instanceof DomainError) onWrongRule(`context_extensions: ${error.message}`);
    throw error;
  }
}

function allowed(principal: Principal, names: readonly string[], removesCredentials: boolean): Response {
  const identity = Object.entries(identityOf(principal)).filter(([, value]) => value !== "");
  const set = new Set(identity.map(([name]) => name));
  const removed = new Set([...ours, ...names.filter(isOurs), ...(removesCredentials ? credentials : [])]);
  const headersToRemove = [...removed].filter((name) => !set.has(name));
  return {
    status: { code: 0 },
    httpResponse: {
      case: "okResponse",
      value: { headers: identity.map(overwrite), headersToRemove },
    },
  };
}

// Upstreams of CGI and WSGI read `_` and `-` in the name of a header as the same.
function isOurs(name: string): boolean {
  return name.replaceAll("_", "-").toLowerCase().startsWith("latchkey-");
}

function denied(deps: GatewayDeps, error: unknown, headers: HeaderReader, hides429: boolean): Response {
  const failure = toConnectError(error, deps.errors);
  const status = refusalStatus(failure, hides429);
  const { headers: more, body } = deps.errorBody(failure, status, headers.get("accept"));
  return {
    status: { code: codes[status] },
    httpResponse: {
      case: "deniedResponse",
      value: { status: { code: status }, headers: Object.entries(more).map(overwrite), body },
    },
  };
}

function overwrite([key, value]: [string, string]) {
  return { header: { key, value }, appendAction: Action.OVERWRITE_IF_EXISTS_OR_ADD };
}

function readerOf(headers: Record<string, string>): HeaderReader {
  const get = (name: string) => (Object.hasOwn(headers, name) ? (headers[name] ?? null) : null);
  return { get, has: (name) => get(name) !== null };
}
