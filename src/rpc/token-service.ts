import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext } from "@connectrpc/connect";
import type {
  BatchVerifyTokensRequest,
  TokenService,
  VerifyTokenRequest,
  VerifyTokenResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import type { Store } from "../db/connect.ts";
import { limitName } from "../domain/access/acting.ts";
import { parsePermission } from "../domain/access/permission.ts";
import { permissionViolations, type Vocabulary } from "../domain/access/permission-vocabulary.ts";
import type { Caller } from "../domain/access/principal.ts";
import { revokeToken } from "../domain/api-key/revoke-token.ts";
import { requireAddress } from "../domain/kernel/address-field.ts";
import { DomainError, invalidFields } from "../domain/kernel/error.ts";
import { shownTokenId } from "../domain/kernel/token.ts";
import { endsByItself } from "../domain/session/session.ts";
import { databaseName } from "../verify/coherence/database-name.ts";
import type { Watchers } from "../verify/coherence/watchers.ts";
import type { DrawHow, Drawing, DrawStep } from "../verify/draw.ts";
import type { Evaluation } from "../verify/evaluate/evaluate.ts";
import { explainedMetadata } from "../verify/explain/rule-outcome.ts";
import type { OidcVerifier } from "../verify/oidc/oidc.ts";
import type { PublicLimit } from "../verify/public-limit.ts";
import type { Resolver, VerifyRequest } from "../verify/resolve.ts";
import type { Usage } from "../verify/usage.ts";
import { verifyTokens } from "../verify/verify.ts";
import { environmentOf } from "./api-key-message.ts";
import { type BatchDrawing, drawTogether, unavailableMetadata } from "./batch-draw.ts";
import { creditStatus } from "./credit-message.ts";
import { type ExplanationDeps, withExplanations } from "./explanations.ts";
import { timestamp } from "./messages.ts";
import { callerOf, callOf, recordOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { principalMessage } from "./principal-message.ts";
import { rateLimitStatus } from "./rate-limit-status.ts";
import { countVerification } from "./verification-usage.ts";
import { watchTokens } from "./watch-tokens.ts";

/** What the token service depends on. */
export interface TokenDeps extends ExplanationDeps {
  resolver: Resolver;
  oidc: OidcVerifier;
  usage: Usage;
  /** Takes from the limits and credits of a valid token. */
  draw: DrawStep;
  /** The permissions that this deployment knows, if it lists them. */
  vocabulary: Vocabulary | undefined;
  /** The guards that watch this instance. */
  watchers: Watchers;
  /** The limit of `RevokeToken` calls per client address. Calls with an unknown token count too. */
  revocations: PublicLimit;
  /** Called with the verdict of each response, for metrics. */
  onVerdict(verdict: string): void;
}

/** `TokenService`: verifies and revokes tokens. */
export function tokenService(db: Store, deps: TokenDeps): Operations<typeof TokenService> {
  return {
    ...verification(deps),
    watchTokens: (requests, context) => watchTokens(deps.watchers, requests, context),
    async revokeToken({ token }, context) {
      const call = callOf(context);
      await deps.revocations.spend(call.addressKey);
      const external = await deps.oidc.verify(token);
      if (external) throw endsByItself(external.endsAt);
      await revokeToken(db, call, token);
      return {};
    },
  };
}

/** Returns the methods of `TokenService` that verify. They need only the values of a call's context, because the fast path has no more. */
export function verification(deps: Omit<TokenDeps, "revocations" | "oidc" | "watchers">) {
  async function verify(
    requests: VerifyTokenRequest[],
    field: (index: number) => string,
    context: Context,
  ): Promise<MessageInitShape<typeof VerifyTokenResponseSchema>[]> {
    const violations = permissionViolations(namedPermissions(requests, field), deps.vocabulary);
    if (violations.length > 0) throw invalidFields(violations);
    for (const [index, { clientAddress }] of requests.entries()) {
      requireAddress(clientAddress, `${field(index)}client_address`);
    }
    const caller = callerOf(context);
    const verifyRequests = requests.map((request) => toVerifyRequest(request, caller));
    const evaluations = await verifyTokens(deps.resolver, caller, verifyRequests);
    requireSmallBatch(requests, evaluations);
    const record = recordOf(context.values);
    const [only] = evaluations;
    const [request] = requests;
    if (requests.length === 1 && !request?.dryRun && !request?.fresh && only) {
      record.soleEvaluation = only;
      record.soleCost = request?.cost;
      record.soleClientAddress = request?.clientAddress || undefined;
    }
    const draws = evaluations.map((evaluation, index) =>
      record.takesNothing ? { evaluation } : deps.draw(evaluation, howOf(requests[index])),
    );
    const drawings = await drawTogether(evaluations, draws);
    const responses = drawings.map((drawing, index) => {
      const { dryRun = false, fresh = false, clientAddress = "" } = requests[index] ?? {};
      if (drawing.unavailable) return unavailableOf(deps, drawing);
      if (!dryRun) countVerification(deps.usage, caller, drawing.evaluation, clientAddress);
      const response = responseOf(deps, drawing, dryRun);
      return fresh ? { ...response, database: databaseName(drawing.evaluation.basis?.server) } : response;
    });
    return withExplanations(deps, context, { requests, verifyRequests, drawings, responses });
  }
  return {
    async verifyToken(request: VerifyTokenRequest, context: Context) {
      const [response] = await verify([request], () => "", context);
      return response ?? {};
    },
    async batchVerifyTokens({ requests }: BatchVerifyTokensRequest, context: Context) {
      return { responses: await verify(requests, (index) => `requests[${index}].`, context) };
    },
  };
}

type Context = Pick<HandlerContext, "values">;

const maxBatchItems = 32_768;

function* namedPermissions(requests: VerifyTokenRequest[], field: (index: number) => string) {
  for (const [index, { requiredPermissions }] of requests.entries()) {
    for (const [place, text] of requiredPermissions.entries()) {
      yield [`${field(index)}required_permissions[${place}]`, text] as const;
    }
  }
}

// The texts of one outcome of a rule, and of one source of a permission, are about this many items.
const itemsPerRule = 4;

// Rejects a batch whose response would be too large, because encoding it blocks the event loop.
function requireSmallBatch(requests: VerifyTokenRequest[], evaluations: readonly Evaluation[]): void {
  let items = 0;
  for (const { dryRun, requiredPermissions, requiredEntitlements } of requests) {
    if (dryRun) items += itemsPerRule * (requiredPermissions.length + requiredEntitlements.length);
  }
  for (const { failures, principal } of evaluations) {
    if (!principal || failures.length > 0) continue;
    const { permissions, workspaceScope, workspaceIds, entitlements, key } = principal;
    items += permissions.length + entitlements.length + (workspaceScope === "all" ? 0 : workspaceIds.length);
    items += (key?.labels.length ?? 0) / 2;
  }
  if (evaluations.length === 1 || items <= maxBatchItems) return;
  throw new DomainError(
    "BOUND_EXCEEDED",
    `the principals of a batch may have at most ${maxBatchItems} permissions, workspaces, entitlements and labels in total, ` +
      `and with dry_run each requirement counts as ${itemsPerRule}: verify fewer tokens per request`,
    {
      bound: "principal_items_per_batch",
      limit: String(maxBatchItems),
    },
  );
}

function toVerifyRequest(request: VerifyTokenRequest, caller: Caller): VerifyRequest {
  return {
    token: request.token,
    caller: limitName(caller),
    fresh: request.fresh,
    accountId: request.accountId,
    workspaceId: request.workspaceId,
    permissions: request.requiredPermissions.map((text) => parsePermission(text) ?? text),
    entitlements: request.requiredEntitlements,
    environment: environmentOf(request.environment),
  };
}

function howOf(request: VerifyTokenRequest | undefined): DrawHow {
  return { cost: request?.cost, dryRun: request?.dryRun ?? false };
}

// Not valid, and without a verdict.
function unavailableOf(
  { onVerdict }: Pick<TokenDeps, "onVerdict">,
  { evaluation }: BatchDrawing,
): MessageInitShape<typeof VerifyTokenResponseSchema> {
  onVerdict("UNAVAILABLE");
  return { metadata: unavailableMetadata(evaluation) };
}

function responseOf(
  deps: Omit<TokenDeps, "revocations" | "oidc" | "watchers">,
  { evaluation, limit, credits }: Drawing,
  dryRun: boolean,
): MessageInitShape<typeof VerifyTokenResponseSchema> {
  const [first] = evaluation.failures;
  const left = {
    ...(limit && { rateLimit: rateLimitStatus(limit) }),
    ...(credits && { credits: creditStatus(credits) }),
  };
  deps.onVerdict(first?.verdict ?? "VALID");
  const failedRules = dryRun
    ? evaluation.failures.map(({ verdict, metadata }) => ({ verdict: Verdict[verdict], metadata }))
    : [];
  if (first) {
    const metadata = dryRun ? explainedMetadata(evaluation.failures) : first.metadata;
    return { verdict: Verdict[first.verdict], metadata, failedRules, ...left };
  }
  return {
    valid: true,
    verdict: Verdict.VALID,
    ...(evaluation.principal && { principal: principalMessage(evaluation.principal) }),
    endsAt: timestamp(evaluation.endsAt),
    ...left,
    tokenId: tokenIdOf(evaluation),
  };
}

function tokenIdOf({ tokenId, basis }: Evaluation): string {
  const token = basis?.credential?.tokens.find(({ id }) => id !== null && id === tokenId);
  return token ? shownTokenId(token.digest) : "";
}
