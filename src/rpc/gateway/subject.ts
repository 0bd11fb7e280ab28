import { limitName } from "../../domain/access/acting.ts";
import type { Principal } from "../../domain/access/principal.ts";
import { DomainError } from "../../domain/kernel/error.ts";
import { parseToken } from "../../domain/kernel/token.ts";
import type { Evaluation } from "../../verify/evaluate/evaluate.ts";
import { verifyTokens } from "../../verify/verify.ts";
import { refusalOf } from "../middleware/admission.ts";
import { bearerToken } from "../middleware/authenticate.ts";
import type { TokenDeps } from "../token-service.ts";
import { countVerification } from "../verification-usage.ts";
import type { RouteRule } from "./route-rule.ts";

/** Reads the headers of a request. Names are in lower case. */
export type HeaderReader = Pick<Headers, "get" | "has">;

/** What the evaluation of a gateway's client depends on. */
export interface SubjectDeps extends Pick<TokenDeps, "resolver" | "usage" | "draw" | "onVerdict"> {
  tokenPrefix: string;
  /** Returns the same headers, in which `authorization` stands for the other ways to send a bearer over plain HTTP too. */
  withAuthorization(headers: HeaderReader): HeaderReader;
}

/** The client of a gateway that may pass. */
export interface Subject {
  evaluation: Evaluation;
  principal: Principal;
}

/**
 * Evaluates the bearer of a gateway's client as `VerifyToken` does, for a verifier. Fails with the error that the client gets
 * if it may not pass.
 */
export async function evaluateSubject(
  deps: SubjectDeps,
  verifier: Principal,
  headers: HeaderReader,
  { requirements }: RouteRule,
): Promise<Subject> {
  const token = bearerToken(deps.withAuthorization(headers));
  const request = { ...requirements, token, caller: limitName(verifier), fresh: false };
  const [evaluation] = await verifyTokens(deps.resolver, verifier, [request]);
  if (!evaluation) throw new Error("the resolver returned no evaluation");
  const drawn = await deps.draw(evaluation, { cost: undefined, dryRun: false });
  const { failures, principal } = drawn.evaluation;
  const [failure] = failures;
  deps.onVerdict(failure?.verdict ?? "VALID");
  countVerification(deps.usage, verifier, drawn.evaluation, undefined);
  if (failure?.verdict === "ACCOUNT_REQUIRED") {
    const message = "the bearer belongs to several accounts, and the gateway's route names none of them";
    throw new DomainError("ACCOUNT_REQUIRED", message, failure.metadata);
  }
  if (failure) throw refusalOf(evaluation, failure, parseToken(deps.tokenPrefix, token));
  if (!principal) throw new Error("a valid evaluation has no principal");
  return { evaluation, principal };
}
