import { Authorization } from "../../../gen/envoy/service/auth/v3/external_auth_pb.ts";
import { digest } from "../../verify/cache/response-cache.ts";
import { type Inputs, keptEvaluations, keptResponses, type VerificationDeps } from "../fast-path.ts";
import { fastPathMethod } from "../fast-path-method.ts";
import type { Validate } from "../middleware/validate.ts";
import { verifierHeader } from "../middleware/verifier-token.ts";
import { inputsOfCheck } from "./check-inputs.ts";
import { extAuthz } from "./ext-authz.ts";
import type { GatewayDeps } from "./gateway.ts";

/**
 * Returns the method of Envoy's external authorization for the fast path. No two requests of Envoy are equal. So its responses
 * are kept under the parts of a request that they depend on.
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
    ...keptResponses({ ...deps, onVerdict: gateway.onVerdict }, (form, body) =>
      form === "grpc" ? checkInputs(body) : undefined,
    ),
  };
}

function checkInputs({ buffer, byteOffset, byteLength }: Uint8Array): Inputs | undefined {
  const inputs = inputsOfCheck(Buffer.from(buffer, byteOffset, byteLength));
  return inputs === undefined ? undefined : { inputs };
}

/** Returns the key of the evaluation of a gateway's bearer: everything in the headers that the evaluation depends on. */
export function verifierKey(header: Pick<Headers, "get">): string {
  return digest(`verifier\n${header.get(verifierHeader) ?? ""}`);
}
