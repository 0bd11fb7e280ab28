import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  BatchVerifyTokensRequest,
  TokenService,
  VerifyTokenRequest,
  VerifyTokenResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import type { Store } from "../db/connect.ts";
import { parsePermission } from "../domain/access/permission.ts";
import { permissionViolations, type Vocabulary } from "../domain/access/permission-vocabulary.ts";
import type { Caller } from "../domain/access/principal.ts";
import { revokeToken } from "../domain/api-key/revoke-token.ts";
import { DomainError, invalidFields } from "../domain/kernel/error.ts";
import { endsByItself } from "../domain/session/session.ts";
import type { Judgement } from "../verify/evaluate/evaluate.ts";
import type { Uses } from "../verify/last-used.ts";
import type { OidcVerifier } from "../verify/oidc/oidc.ts";
import type { PublicLimit } from "../verify/public-limit.ts";
import type { Inquiry, Resolver } from "../verify/resolve.ts";
import { verifyTokens } from "../verify/verify.ts";
import { environmentOf } from "./api-key-message.ts";
import { timestamp } from "./messages.ts";
import { callerOf, callOf, recordOf } from "./middleware/context.ts";
import { principalMessage } from "./principal-message.ts";

/** What judging and ending tokens depends on. */
export interface TokenDeps {
  resolver: Resolver;
  oidc: OidcVerifier;
  uses: Uses;
  tokenPrefix: string;
  /** The permissions that this deployment knows, where it lists them. */
  vocabulary: Vocabulary | undefined;
  /** How often one address may end tokens, right or wrong. */
  revocations: PublicLimit;
  /** Called with every verdict given, for metrics. */
  onVerdict(verdict: string): void;
}

/** `TokenService`: whose token is this, and may it do that? */
export function tokenService(db: Store, deps: TokenDeps): ServiceImpl<typeof TokenService> {
  return {
    ...verification(deps),
    async revokeToken({ token }, context) {
      const call = callOf(context);
      await deps.revocations.spend(call.addressKey);
      const outside = await deps.oidc.verify(token);
      if (outside) throw endsByItself(outside.endsAt);
      await revokeToken(db, call, deps.tokenPrefix, token);
      return {};
    },
  };
}

/** The part of `TokenService` that judges. Of a call's context it reads the values alone, which the fast lane has. */
export function verification(deps: Omit<TokenDeps, "revocations" | "oidc">) {
  async function verify(
    requests: VerifyTokenRequest[],
    field: (index: number) => string,
    context: Context,
  ): Promise<MessageInitShape<typeof VerifyTokenResponseSchema>[]> {
    const violations = permissionViolations(namedPermissions(requests, field), deps.vocabulary);
    if (violations.length > 0) throw invalidFields(violations);
    const caller = callerOf(context);
    const inquiries = requests.map((request) => toInquiry(request, caller));
    const judgements = await verifyTokens(deps.resolver, caller, inquiries);
    requireOneAnswer(judgements);
    const [only] = judgements;
    const [request] = requests;
    if (requests.length === 1 && !request?.dryRun && !request?.fresh && only) {
      recordOf(context.values).answered = only;
    }
    return judgements.map((judgement, index) => answer(deps, judgement, requests[index]?.dryRun ?? false));
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

/** Refuses a batch whose principals are too much for one answer: nobody else is answered while it is written. */
function requireOneAnswer(judgements: readonly Judgement[]): void {
  let items = 0;
  for (const { failures, principal } of judgements) {
    if (!principal || failures.length > 0) continue;
    const { permissions, workspaceScope, workspaceIds, entitlements } = principal;
    items += permissions.length + entitlements.length + (workspaceScope === "all" ? 0 : workspaceIds.length);
  }
  if (judgements.length === 1 || items <= maxBatchItems) return;
  throw new DomainError(
    "BOUND_EXCEEDED",
    `the principals of a batch have at most ${maxBatchItems} permissions, workspaces and entitlements together: ask about fewer tokens at once`,
    {
      bound: "principal_items_per_batch",
      limit: String(maxBatchItems),
    },
  );
}

function toInquiry(request: VerifyTokenRequest, caller: Caller): Inquiry {
  return {
    token: request.token,
    caller: caller.profile.id,
    fresh: request.fresh,
    accountId: request.accountId,
    workspaceId: request.workspaceId,
    permissions: request.requiredPermissions.map((text) => parsePermission(text) ?? text),
    entitlements: request.requiredEntitlements,
    environment: environmentOf(request.environment),
  };
}

function answer(
  deps: Omit<TokenDeps, "revocations" | "oidc">,
  judgement: Judgement,
  dryRun: boolean,
): MessageInitShape<typeof VerifyTokenResponseSchema> {
  const [first] = judgement.failures;
  deps.onVerdict(first?.verdict ?? "VALID");
  const failedRules = dryRun
    ? judgement.failures.map(({ verdict, metadata }) => ({ verdict: Verdict[verdict], metadata }))
    : [];
  if (first) return { verdict: Verdict[first.verdict], metadata: first.metadata, failedRules };
  if (!dryRun) deps.uses.record(judgement);
  return {
    valid: true,
    verdict: Verdict.VALID,
    ...(judgement.principal && { principal: principalMessage(judgement.principal) }),
    endsAt: timestamp(judgement.endsAt),
  };
}
