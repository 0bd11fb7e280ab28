import { expect } from "vitest";
import {
  type Explanation,
  PermissionSourceKind,
  type RuleOutcome,
} from "../../gen/latchkey/v1/explanation_pb.ts";
import { Verdict } from "../../gen/latchkey/v1/verdict_pb.ts";

/** Returns each rule with `ok` or its verdict, and its subject. */
export function brief(rules: RuleOutcome[]): string[] {
  return rules.map(({ name, passed, verdict, metadata }) => {
    expect(passed).toBe(verdict === Verdict.VALID);
    const subject =
      metadata.permission ?? metadata.entitlement ?? metadata.environment ?? metadata.workspace_id;
    return [name, passed ? "ok" : Object.keys(Verdict).at(verdict), ...(subject ? [subject] : [])].join(" ");
  });
}

/** Returns each source as `permission < kind name entry`, with the team and the presets. */
export function sourcesOf({ permissionSources }: Explanation): string[] {
  return permissionSources.map(({ permission, kind, name, teamName, entry, presets: named }) =>
    [permission, "<", nameOf(kind), name, teamName && `in ${teamName}`, entry, ...named]
      .filter((part) => part !== "")
      .join(" "),
  );
}
const nameOf = (kind: PermissionSourceKind) =>
  Object.entries(PermissionSourceKind).find(([, value]) => value === kind)?.[0] ?? "";
