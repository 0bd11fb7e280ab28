import type { MessageInitShape } from "@bufbuild/protobuf";
import type { HandlerContext, ServiceImpl } from "@connectrpc/connect";
import type {
  BatchVerifyTokensRequest,
  TokenService,
  VerifyTokenRequest,
  VerifyTokenResponseSchema,
} from "../../gen/latchkey/v1/token_service_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import type { Db } from "../db/connect.ts";
import { invalidFields, type Violation } from "../domain/error.ts";
import { expected, parsePermission } from "../domain/permission.ts";
import type { Vocabulary } from "../domain/permission-vocabulary.ts";
import type { Caller } from "../domain/principal.ts";
import { endsByItself } from "../domain/session.ts";
import { revokeToken } from "../domain/token-revocation.ts";
import type { Judgement } from "../verify/judge.ts";
import type { OidcVerifier } from "../verify/oidc.ts";
import type { PublicLimit } from "../verify/public-limit.ts";
import type { Inquiry, Resolver } from "../verify/resolve.ts";
import type { Uses } from "../verify/use.ts";
import { verifyTokens } from "../verify/verify.ts";
import { environmentOf } from "./api-key-message.ts";
import { callerOf, callOf, recordOf } from "./context.ts";
import { timestamp } from "./messages.ts";
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
export function tokenService(db: Db, deps: TokenDeps): ServiceImpl<typeof TokenService> {
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
    const violations = requests.flatMap((request, index) =>
      wrongPermissions(request, field(index), deps.vocabulary),
    );
    if (violations.length > 0) throw invalidFields(violations);
    const caller = callerOf(context);
    const inquiries = requests.map((request) => toInquiry(request, caller));
    const judgements = await verifyTokens(deps.resolver, caller, inquiries);
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

function wrongPermissions(
  { requiredPermissions }: VerifyTokenRequest,
  path: string,
  vocabulary: Vocabulary | undefined,
): Violation[] {
  return requiredPermissions.flatMap((text, index) => {
    const permission = parsePermission(text);
    const complaint = permission === undefined ? expected : vocabulary?.complaint(permission);
    return complaint === undefined
      ? []
      : [{ field: `${path}required_permissions[${index}]`, description: complaint }];
  });
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
