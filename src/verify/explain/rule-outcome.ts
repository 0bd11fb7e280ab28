import type { Evaluation } from "../evaluate/evaluate.ts";
import type { Failure, Requirements, Verdict } from "../evaluate/verdict.ts";
import type { Looked } from "../look.ts";
import type { Drawn } from "../quota/draw.ts";
import { quotaExceeded, rateLimited } from "../refused-draw.ts";

/** The name of a rule, as an explanation shows it. */
export type RuleName =
  | "token"
  | "expiry"
  | "revocation"
  | "disabling"
  | "account"
  | "suspension"
  | "environment"
  | "workspace"
  | "permission"
  | "entitlement"
  | "rate_limit"
  | "credits";

/** A rule of an evaluation. It passes if it has no failure. */
export interface RuleOutcome {
  name: RuleName;
  /** What the rule is about. For a failed rule, the metadata of its failure. */
  metadata: Record<string, string>;
  failure: Failure | undefined;
}

const ruleOf: Partial<Record<Verdict, RuleName>> = {
  INVALID: "token",
  EXPIRED: "expiry",
  REVOKED: "revocation",
  DISABLED: "disabling",
  ACCOUNT_REQUIRED: "account",
  ACCOUNT_MISMATCH: "account",
  ACCOUNT_SUSPENDED: "suspension",
  ENVIRONMENT_MISMATCH: "environment",
  WORKSPACE_FORBIDDEN: "workspace",
  WORKSPACE_ARCHIVED: "workspace",
  PERMISSION_DENIED: "permission",
  ENTITLEMENT_REQUIRED: "entitlement",
  RATE_LIMITED: "rate_limit",
  QUOTA_EXCEEDED: "credits",
};

/**
 * Returns every rule of an evaluation in the order of precedence. A rule that was not evaluated has no outcome: if the token
 * is invalid or its account is unknown, the rules after that are missing. Pure: the outcomes come from the failures alone.
 */
export function ruleOutcomes(
  evaluation: Evaluation,
  requirements: Requirements,
  looked?: Looked,
): RuleOutcome[] {
  const { failures, basis, principal } = evaluation;
  // Without a record, the token is invalid, or the caller may learn nothing but its one failure.
  if (!basis) return failures.map((failure) => outcomeOf(ruleOf[failure.verdict] ?? "token", {}, failure));
  const failed = (name: RuleName) => failures.find(({ verdict }) => ruleOf[verdict] === name);
  const rule = (name: RuleName, metadata: Record<string, string>) => outcomeOf(name, metadata, failed(name));
  const id = idOf(evaluation);
  const account: Record<string, string> = principal ? { account_id: principal.accountId } : {};
  const ofCredential = [
    rule("token", id),
    rule("expiry", id),
    ...(evaluation.external ? [] : [rule("revocation", id)]),
    ...(id.key_id === undefined ? [] : [rule("disabling", id)]),
    rule("account", account),
  ];
  if (!principal) return ofCredential;
  const { environment, workspaceId } = requirements;
  return [
    ...ofCredential,
    rule("suspension", account),
    ...(environment ? [rule("environment", { environment })] : []),
    ...(workspaceId === "" ? [] : [rule("workspace", { workspace_id: workspaceId })]),
    ...requiredNames("permission", requirements.permissions, failures),
    ...requiredNames("entitlement", requirements.entitlements, failures),
    ...(looked ? drawnOutcomes(looked) : []),
  ];
}

function drawnOutcomes({ limits, credits }: Looked): RuleOutcome[] {
  return [
    ...limits.map((state) => {
      const failure = rateLimited(state);
      return outcomeOf("rate_limit", failure.metadata, state.retryAfterMs > 0 ? failure : undefined);
    }),
    ...(credits ? [creditsOutcome(credits)] : []),
  ];
}

function creditsOutcome({ allowed, state }: Drawn): RuleOutcome {
  const failure = quotaExceeded(state);
  return outcomeOf("credits", failure.metadata, allowed ? undefined : failure);
}

function outcomeOf(name: RuleName, metadata: Record<string, string>, failure: Failure | undefined) {
  return { name, metadata: failure?.metadata ?? metadata, failure };
}

function requiredNames(
  kind: "permission" | "entitlement",
  required: readonly string[],
  failures: readonly Failure[],
): RuleOutcome[] {
  const missing = new Map(
    failures.filter(({ verdict }) => ruleOf[verdict] === kind).map((one) => [one.metadata[kind], one]),
  );
  return required.map((name) => outcomeOf(kind, { [kind]: name }, missing.get(name)));
}

function idOf({ basis, sessionId, external }: Evaluation): Record<string, string> {
  if (external || !basis?.credential) return {};
  return sessionId === undefined ? { key_id: basis.credential.id } : { session_id: sessionId };
}

/**
 * Returns the metadata of a negative verdict for an explanation: that of the first failure, and all names that are missing
 * if there are several.
 */
export function explainedMetadata(failures: readonly Failure[]): Record<string, string> {
  const [first] = failures;
  if (!first) return {};
  const kind = ruleOf[first.verdict];
  if (kind !== "permission" && kind !== "entitlement") return first.metadata;
  const names = failures.flatMap(({ verdict, metadata }) =>
    verdict === first.verdict ? (metadata[kind] ?? []) : [],
  );
  return names.length > 1 ? { ...first.metadata, [`${kind}s`]: names.join(",") } : first.metadata;
}
