import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  AnsweredBy,
  type ExplanationSchema,
  type PermissionSourceSchema,
  PermissionSourceKind as SourceKindMessage,
} from "../../gen/latchkey/v1/explanation_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";
import type { ExplainedRule, Explanation } from "../verify/explain/explain.ts";
import type { MissingBecause, PermissionSource } from "../verify/explain/permission-source.ts";
import type { RuleName } from "../verify/explain/rule-outcome.ts";
import type { SourceKind } from "../verify/explain/source-list.ts";

const kinds: Record<SourceKind, SourceKindMessage> = {
  own_list: SourceKindMessage.OWN_LIST,
  role: SourceKindMessage.ROLE,
  team: SourceKindMessage.TEAM,
  claimed_role: SourceKindMessage.CLAIMED_ROLE,
};

/** Returns the message of an explanation. */
export function explanationMessage({ rules, sources, complete, answeredBy }: Explanation) {
  return {
    rules: rules.map((rule) => ({
      name: rule.name,
      passed: !rule.failure,
      verdict: Verdict[rule.failure?.verdict ?? "VALID"],
      metadata: rule.metadata,
      message: sentence(rule),
    })),
    permissionSources: sources.map(sourceMessage),
    morePermissionSources: !complete,
    answeredBy:
      answeredBy === undefined
        ? AnsweredBy.UNSPECIFIED
        : { cache: AnsweredBy.CACHE, database: AnsweredBy.DATABASE }[answeredBy],
  } satisfies MessageInitShape<typeof ExplanationSchema>;
}

function sourceMessage({ permission, list, entry, presets }: PermissionSource) {
  return {
    permission,
    kind: kinds[list.kind],
    id: list.id,
    name: list.name,
    teamId: list.teamId ?? "",
    teamName: list.teamName ?? "",
    entry,
    presets: [...presets],
  } satisfies MessageInitShape<typeof PermissionSourceSchema>;
}

const because: Record<MissingBecause, string> = {
  own_list: "Its owner holds it, but the own list of the key does not include it.",
  owner: "The own list of the key includes it, but its owner does not hold it.",
  both: "Neither the own list of the key nor its owner has it.",
};

type Sentences = (rule: ExplainedRule) => [passed: string, failed: string];

const sentences: Record<RuleName, Sentences> = {
  token: () => [
    "The token is known.",
    "The token is unknown, wrong or malformed, or the caller may not learn about it.",
  ],
  expiry: ({ metadata }) => ["The token has not expired.", `The token expired at ${metadata.expired_at}.`],
  revocation: ({ metadata }) => [
    "The token is not revoked.",
    `The token was revoked at ${metadata.revoked_at}.`,
  ],
  disabling: () => ["The key is not disabled.", "The key is disabled."],
  account: ({ failure, metadata }) => [
    `The token is valid in the account ${metadata.account_id}.`,
    failure?.verdict === "ACCOUNT_REQUIRED"
      ? "The bearer is not in exactly one account. Name an account in the request."
      : `The token is not valid in the account ${metadata.account_id}.`,
  ],
  suspension: () => ["The account is not suspended.", "The account is suspended."],
  environment: ({ metadata }) => [
    `The token may be used in the environment ${metadata.environment}.`,
    `The key belongs to the environment ${metadata.environment}.`,
  ],
  workspace: ({ failure, metadata }) => [
    `The bearer may enter the workspace ${metadata.workspace_id}.`,
    failure?.verdict === "WORKSPACE_ARCHIVED"
      ? `The workspace ${metadata.workspace_id} is archived.`
      : `The bearer may not enter the workspace ${metadata.workspace_id}, or it does not exist.`,
  ],
  permission: ({ metadata, because: reason }) => [
    `The bearer holds ${metadata.permission}.`,
    `The bearer does not hold ${metadata.permission}.${reason ? ` ${because[reason]}` : ""}`,
  ],
  rate_limit: ({ metadata }) => [
    `The rate limit ${metadata.name} has ${metadata.remaining} of ${metadata.limit} left.`,
    `The rate limit ${metadata.name} has ${metadata.remaining} of ${metadata.limit} left, which is too little.`,
  ],
  credits: ({ metadata }) => [
    `The key has ${metadata.remaining} credits left.`,
    `The key has ${metadata.remaining} credits left, which is too little.`,
  ],
  entitlement: ({ metadata }) => [
    `The plan of the account includes ${metadata.entitlement}.`,
    `The plan of the account does not include ${metadata.entitlement}.`,
  ],
};

function sentence(rule: ExplainedRule): string {
  const [passed, failed] = sentences[rule.name](rule);
  return rule.failure ? failed : passed;
}
