import type { ContextValues } from "@connectrpc/connect";
import { Authorization } from "../../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { createResponseCache, digest } from "../../verify/cache/response-cache.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";
import { type Used, usedOf } from "../../verify/usage.ts";
import { keptEvaluations, type VerificationDeps } from "../fast-path.ts";
import { failCall } from "../middleware/auth-interceptor.ts";
import { callerOf, recordOf } from "../middleware/context.ts";
import { verifierHeader } from "../middleware/verifier-token.ts";
import { verifierKey } from "./ext-authz-method.ts";
import type { GatewayDeps } from "./gateway.ts";
import { identityOf, noIdentity } from "./identity.ts";
import { type RefusalStatus, refusalStatus } from "./refusal-status.ts";
import { parseRouteRule, type RouteRule, type RuleParameter } from "./route-rule.ts";
import { evaluateSubject, type HeaderReader, type Subject } from "./subject.ts";

/** A request of a gateway. Its method and its body have no meaning. */
export interface ForwardAuthRequest {
  /** The query of the URL in the gateway's configuration. The client of the gateway has no influence on it. */
  query: string;
  /** The headers of the client, and the verifier of the gateway. */
  headers: HeaderReader;
  /** Whether the client sent more than one `Authorization` header. */
  isRepeated: boolean;
  values: ContextValues;
}

/** The answer to a gateway. Status 200 means that the client may pass. */
export interface ForwardAuthAnswer {
  status: 200 | RefusalStatus;
  headers: Record<string, string>;
  body: string;
}

/** Answers a gateway, at once if the cache holds what the answer depends on. */
export type ForwardAuth = (request: ForwardAuthRequest) => ForwardAuthAnswer | Promise<ForwardAuthAnswer>;

/** How the log and the metrics call these requests. */
export const forwardAuthName = "forward_auth";

const parameters: readonly RuleParameter[] = [
  "permission",
  "entitlement",
  "workspace_id",
  "account_id",
  "environment",
  "deny_429_as",
];

interface Kept {
  headers: Record<string, string>;
  verifier: Evaluation;
  used: Used;
}

/**
 * Creates the answers of `/v1/forward_auth`. Every answer has all identity headers, so that a gateway that copies them replaces
 * what its client sent. An answer is kept as long as the cache holds the entries of both bearers: the verifier and the client.
 */
export function createForwardAuth(
  deps: Omit<VerificationDeps, "onVerdict" | "boundsOf">,
  gateway: GatewayDeps,
): ForwardAuth {
  const { authorize } = keptEvaluations(deps, forwardAuthName, verifierKey);
  const kept = createResponseCache<Kept>(deps.loader, deps.keptBytes);

  function recall(key: string, values: ContextValues): ForwardAuthAnswer | undefined {
    const known = kept.recall(key);
    if (!known?.verifier.basis) return undefined;
    const { headers, verifier, used } = known;
    if (!deps.loader.holds(known.verifier.basis, verifier.endsAt)) return undefined;
    deps.usage.touch(usedOf(verifier));
    deps.usage.count(used, "VALID", undefined);
    gateway.onVerdict("VALID");
    const record = recordOf(values);
    record.method = forwardAuthName;
    record.shown = verifier.principal;
    return allow(values, headers);
  }

  async function decide(request: ForwardAuthRequest, key: string): Promise<ForwardAuthAnswer> {
    const { values, headers } = request;
    const rule = ruleOf(request, gateway);
    let isVerified = false;
    try {
      await authorize(arrivalOf(request));
      isVerified = true;
      const { evaluation, principal } = await evaluateClient(gateway, request, rule);
      const allowed = { ...identityOf(principal), "cache-control": "no-store", "content-length": "0" };
      keep(kept, key, evaluation, {
        headers: allowed,
        verifier: recordOf(values).passed,
        used: usedOf(evaluation),
      });
      return allow(values, allowed);
    } catch (error) {
      const failure = failCall(deps, values, error);
      const status = refusalStatus(failure, !("error" in rule) && rule.hides429);
      const { headers: more, body } = gateway.errorBody(failure, status, headers.get("accept"));
      // A client would search for the mistake in its own key if the challenge were the same.
      const challenge = !isVerified && status === 401 && { "www-authenticate": verifierChallenge };
      return { status, headers: { ...noIdentity, ...more, ...challenge, ...idOf(values) }, body };
    }
  }

  return (request) => {
    const key = keyOf(request);
    const known = request.isRepeated ? undefined : recall(key, request.values);
    return known ?? decide(request, key);
  };
}

const verifierChallenge = 'Bearer realm="latchkey-verifier"';

function ruleOf(
  { query }: ForwardAuthRequest,
  { vocabulary }: GatewayDeps,
): RouteRule | { error: DomainError } {
  try {
    return parseRouteRule(new URLSearchParams(query), parameters, vocabulary);
  } catch (error) {
    if (error instanceof DomainError) return { error };
    throw error;
  }
}

async function evaluateClient(
  gateway: GatewayDeps,
  { values, headers, isRepeated }: ForwardAuthRequest,
  rule: RouteRule | { error: DomainError },
): Promise<Subject> {
  if ("error" in rule) {
    gateway.onWrongRule(`the URL of forward_auth: ${rule.error.message}`);
    throw rule.error;
  }
  if (isRepeated) {
    throw new DomainError("INVALID_API_KEY", "send the header Authorization only once", {
      header: "authorization",
    });
  }
  return evaluateSubject(gateway, callerOf({ values }), headers, rule);
}

// The method of Envoy's protocol has the same access rule.
function arrivalOf({ values, headers }: ForwardAuthRequest) {
  const { check } = Authorization.method;
  return {
    name: forwardAuthName,
    service: check.parent,
    method: check,
    requestHeader: headers,
    responseHeader: { set() {} },
    values,
    timeoutMs: () => undefined,
  };
}

function allow(values: ContextValues, headers: Record<string, string>): ForwardAuthAnswer {
  const record = recordOf(values);
  record.code = "ok";
  return { status: 200, headers: { ...headers, "x-request-id": record.requestId }, body: "" };
}

function idOf(values: ContextValues): Record<string, string> {
  return { "x-request-id": recordOf(values).requestId };
}

function keep(
  kept: ReturnType<typeof createResponseCache<Kept>>,
  key: string,
  evaluation: Evaluation,
  { headers, verifier, used }: Omit<Kept, "verifier"> & { verifier: Evaluation | undefined },
): void {
  // A session also depends on its last use, so nothing that a session verified is kept.
  if (verifier?.tokenId === undefined) return;
  // Each answer takes from the limits again.
  if (verifier.draws || evaluation.draws) return;
  const size = Object.values(headers).reduce((sum, value) => sum + value.length, 0);
  kept.keep(key, evaluation, { headers, verifier, used }, size);
}

// Everything that the answer depends on. No header contains a line break.
function keyOf({ query, headers }: ForwardAuthRequest): string {
  const inputs = [verifierHeader, "authorization", "x-api-key"].map((name) => headers.get(name) ?? "");
  return digest([...inputs, query].join("\n"));
}
