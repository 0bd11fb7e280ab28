import type { Db } from "../../db/connect.ts";
import { holds } from "../../domain/access/permission.ts";
import type { Preset } from "../../domain/access/permission-preset.ts";
import type { Principal } from "../../domain/access/principal.ts";
import { inTurns } from "../../domain/kernel/slices.ts";
import type { Evaluation } from "../evaluate/evaluate.ts";
import { isAlive, type Requirements } from "../evaluate/verdict.ts";
import type { Looked } from "../look.ts";
import { type MissingBecause, type PermissionSource, permissionSources } from "./permission-source.ts";
import { type RuleOutcome, ruleOutcomes } from "./rule-outcome.ts";
import { claimOf, readSourceLists } from "./source-list.ts";

/** Why an evaluation has its verdict. */
export interface Explanation {
  rules: ExplainedRule[];
  sources: PermissionSource[];
  /** Whether these are all sources. */
  complete: boolean;
  /** Unset if no record was read, or if the caller may not learn about it. */
  answeredBy: "cache" | "database" | undefined;
}

/** A rule, and why a key lacks the required permission. */
export interface ExplainedRule extends RuleOutcome {
  because?: MissingBecause;
}

/** An evaluation, and what it was evaluated against. */
export interface Explained {
  evaluation: Evaluation;
  requirements: Requirements;
  /** Unset: the token draws on no limits and no credits. */
  looked: Looked | undefined;
}

// The sources of all tokens of one call.
const maxSources = 2_048;

/**
 * Explains evaluations. It tells nothing about a bearer that the evaluation itself hides from the caller. One statement
 * reads the lists of all of them, after the evaluations.
 */
export async function explain(
  db: Db,
  presets: readonly Preset[],
  explained: readonly Explained[],
): Promise<Explanation[]> {
  const shown = explained.flatMap(({ evaluation, requirements }) =>
    evaluation.principal && isAlive(evaluation.failures)
      ? { evaluation, requirements, principal: evaluation.principal }
      : [],
  );
  const read = (await readSourceLists(db, shown)).values();
  const most = Math.floor(maxSources / Math.max(shown.length, 1));
  const explanations: Explanation[] = [];
  for (const { evaluation, requirements, looked } of explained) {
    const rules = ruleOutcomes(evaluation, requirements, looked);
    const answeredBy = answeredByOf(evaluation);
    const one = shown.find((other) => other.evaluation === evaluation);
    const found = one && read.next().value;
    if (!one || !found) {
      explanations.push({ rules, sources: [], complete: true, answeredBy });
      continue;
    }
    const input = {
      permissions: permissionsOf(one.principal, requirements),
      missing: missingOf(evaluation, one.principal),
      lists: found.lists,
      claimLimit: claimOf(evaluation)?.most.permissions,
      presets,
      most,
    };
    const { sources, complete, reasons } = await inTurns(permissionSources(input));
    explanations.push({
      rules: rules.map((rule) => withReason(rule, reasons)),
      sources,
      complete: complete && found.complete,
      answeredBy,
    });
  }
  return explanations;
}

// The cache keeps a workspace of another account, and no missing one. So both have no source.
function answeredByOf({ basis, failures }: Evaluation): Explanation["answeredBy"] {
  if (!basis || failures.some(({ verdict }) => verdict === "WORKSPACE_FORBIDDEN")) return undefined;
  return basis.server === undefined ? "cache" : "database";
}

// The required permissions come first. A principal holds some of them by wider ones.
function permissionsOf(principal: Principal, { permissions: required }: Requirements): string[] {
  const held = required.filter((permission) => holds(principal.permissions, permission));
  return [...new Set([...held, ...principal.permissions])];
}

// Only the owner of a service or developer key limits it.
function missingOf({ failures }: Evaluation, { kind }: Principal): string[] {
  if (kind !== "service" && kind !== "developer") return [];
  return failures.flatMap(({ metadata }) => metadata.permission ?? []);
}

function withReason(rule: RuleOutcome, reasons: ReadonlyMap<string, MissingBecause>): ExplainedRule {
  const because = rule.failure && reasons.get(rule.metadata.permission ?? "");
  return because ? { ...rule, because } : rule;
}
