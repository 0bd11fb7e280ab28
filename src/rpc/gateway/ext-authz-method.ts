import { Authorization } from "../../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import { digest } from "../../verify/cache/response-cache.ts";
import { keptEvaluations, type VerificationDeps } from "../fast-path.ts";
import { fastPathMethod } from "../fast-path-method.ts";
import type { Validate } from "../middleware/validate.ts";
import { verifierHeader } from "../middleware/verifier-token.ts";
import { extAuthz } from "./ext-authz.ts";
import type { GatewayDeps } from "./gateway.ts";

/**
 * Returns the method of Envoy's external authorization for the fast path. It keeps no responses, because Envoy sends another
 * request id and another time in each request.
 */
export function extAuthzMethod(
  deps: Omit<VerificationDeps, "onVerdict">,
  gateway: GatewayDeps,
  validate: Validate,
) {
  const { check } = Authorization.method;
  return {
    ...fastPathMethod(deps, validate, check, extAuthz(gateway).check),
    ...keptEvaluations(deps, `${check.parent.typeName}/${check.name}`, verifierKey),
    recall: () => undefined,
    keep() {},
  };
}

/** Returns the key of the evaluation of a gateway's bearer: everything in the headers that the evaluation depends on. */
export function verifierKey(header: Pick<Headers, "get">): string {
  return digest(`verifier\n${header.get(verifierHeader) ?? ""}`);
}
