import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ContextValues } from "@connectrpc/connect";
import {
  TokenService,
  type VerifyTokenRequest,
  type VerifyTokenResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import type { Turn } from "../db/turn-shares.ts";
import type { Requirements } from "../verify/evaluate/verdict.ts";
import type { Explained, Explanation } from "../verify/explain/explain.ts";
import type { BatchDrawing } from "./batch-draw.ts";
import { explanationMessage } from "./explanation-message.ts";
import { turnOf } from "./middleware/turn.ts";

type Response = MessageInitShape<typeof VerifyTokenResponseSchema>;

/** What explanations depend on. */
export interface ExplanationDeps {
  /** Explains evaluations. Its statement takes the turn of the caller. */
  explain(turn: Turn, explained: readonly Explained[]): Promise<Explanation[]>;
}

/** The requests of a call, with the evaluation and the response of each. */
export interface Verified {
  requests: readonly VerifyTokenRequest[];
  verifyRequests: readonly Requirements[];
  drawings: readonly BatchDrawing[];
  responses: Response[];
}

/** Adds an explanation to the response of each request that has `dry_run`. Returns at once if there is none. */
export function withExplanations(
  deps: ExplanationDeps,
  { values }: { values: ContextValues },
  verified: Verified,
): Response[] | Promise<Response[]> {
  const message = verified.requests.find(({ dryRun }) => dryRun);
  if (!message) return verified.responses;
  const turn = turnOf({ method: TokenService.method.verifyToken, contextValues: values, message });
  return addExplanations(deps, turn, verified);
}

async function addExplanations(
  { explain }: ExplanationDeps,
  turn: Turn,
  { requests, verifyRequests, drawings, responses }: Verified,
): Promise<Response[]> {
  const explained = requests.flatMap(({ dryRun }, index) => {
    const [drawing, requirements] = [drawings[index], verifyRequests[index]];
    if (!dryRun || !drawing || !requirements || drawing.unavailable) return [];
    return [{ evaluation: drawing.evaluation, requirements, looked: drawing.looked }];
  });
  const explanations = (await explain(turn, explained)).values();
  return responses.map((response, index): Response => {
    const isExplained = requests[index]?.dryRun && !drawings[index]?.unavailable;
    const explanation = isExplained ? explanations.next().value : undefined;
    return explanation ? Object.assign(response, { explanation: explanationMessage(explanation) }) : response;
  });
}
