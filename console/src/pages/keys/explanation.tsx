import {
  type PermissionSource,
  PermissionSourceKind,
  type RuleOutcome,
} from "../../../gen/latchkey/v1/explanation_pb.ts";
import type { VerifyTokenResponse } from "../../../gen/latchkey/v1/token_service_pb.ts";
import { Banner } from "../../ui/banner.tsx";
import { Icon } from "../../ui/icon.tsx";
import { type Column, Table } from "../../ui/table.tsx";

/** Shows the verdict on a token: every rule with its outcome, and where the permissions come from. */
export function Explanation({ answer }: { answer: VerifyTokenResponse }) {
  const { rules = [], permissionSources = [], morePermissionSources } = answer.explanation ?? {};
  const failed = rules.filter((rule) => !rule.passed);
  return (
    <section aria-label="Result" className="explanation">
      <Banner
        tone={answer.valid ? "success" : "danger"}
        title={answer.valid ? "The token is accepted. " : "The token is refused. "}
      >
        {failed.map((rule) => (
          <p key={rule.message}>{rule.message}</p>
        ))}
      </Banner>
      <ul className="rules" aria-label="Rules">
        {rules.map((rule, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: a rule may occur several times
          <Rule key={index} rule={rule} />
        ))}
      </ul>
      {permissionSources.length > 0 && (
        <details>
          <summary>Where its permissions come from</summary>
          <Table
            label="Sources of permissions"
            columns={sourceColumns}
            rows={permissionSources}
            keyOf={(one) => [one.permission, one.kind, one.id, one.teamId, one.entry].join()}
          />
          {morePermissionSources && <p className="quiet">There are more sources than the server lists.</p>}
        </details>
      )}
    </section>
  );
}

function Rule({ rule }: { rule: RuleOutcome }) {
  return (
    <li className={rule.passed ? "passed" : "failed"}>
      <Icon name={rule.passed ? "check" : "close"} />
      <span className="hidden">{rule.passed ? "Passed:" : "Failed:"}</span>
      <span>{rule.message}</span>
    </li>
  );
}

const sourceColumns: readonly Column<PermissionSource>[] = [
  { title: "Permission", cell: (one) => <code>{one.permission}</code> },
  { title: "From", kind: "wide", cell: (one) => sourceName(one) },
  { title: "Entry", cell: (one) => <code>{one.entry}</code> },
];

function sourceName({ kind, name, teamName }: PermissionSource): string {
  if (kind === PermissionSourceKind.OWN_LIST) return `the list of the key “${name}”`;
  if (kind === PermissionSourceKind.TEAM) return `the role “${name}” of the team “${teamName}”`;
  return `the role “${name}”`;
}
