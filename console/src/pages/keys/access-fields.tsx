import { Environment, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { useSession } from "../../session.ts";
import { FieldSet, Radios } from "../../ui/field.tsx";
import type { Draft } from "./draft.ts";
import { PermissionPicker } from "./permission-picker.tsx";
import { environmentChoices } from "./words.ts";
import { WorkspacePicker } from "./workspace-picker.tsx";

interface AccessProps {
  draft: Draft;
  errors: Readonly<Record<string, string>>;
  onChange(part: Partial<Draft>): void;
}

/** What a new key may do, and where: its environment, permissions and workspaces. */
export function AccessFields(props: AccessProps) {
  const { draft, onChange } = props;
  const { principal } = useSession();
  // A caller of one environment creates keys of that environment only.
  const anyEnvironment = principal.environment === Environment.UNSPECIFIED;
  return (
    <>
      {draft.kind === "application" && anyEnvironment && (
        <div className="choices">
          {" "}
          <Radios
            label="Environment"
            value={draft.environment}
            onChange={(environment) => onChange({ environment })}
            choices={environmentChoices}
          />
        </div>
      )}
      <Permissions {...props} />
      <Workspaces {...props} />
    </>
  );
}

function Permissions({ draft, errors, onChange }: AccessProps) {
  const owned = draft.kind !== "application";
  const owner = draft.kind === "service" ? "its team" : "you";
  const picker = (
    <PermissionPicker value={draft.permissions} onChange={(permissions) => onChange({ permissions })} />
  );
  const error = errors["spec.permissions"] && <p className="field-error">{errors["spec.permissions"]}</p>;
  if (!owned) {
    return (
      <FieldSet label="Permissions">
        {error}
        {picker}
      </FieldSet>
    );
  }
  return (
    <>
      <div className="choices">
        {" "}
        <Radios
          label="Permissions"
          value={draft.everything ? "all" : "some"}
          onChange={(choice) => onChange({ everything: choice === "all" })}
          choices={[
            { value: "all", label: `Everything that ${owner} may do`, hint: "Also what is added later." },
            { value: "some", label: "Only some permissions" },
          ]}
        />
      </div>
      {!draft.everything && (
        <FieldSet label="Chosen permissions">
          {error}
          {picker}
        </FieldSet>
      )}
    </>
  );
}

function Workspaces({ draft, onChange }: AccessProps) {
  const { principal } = useSession();
  const everywhere = principal.workspaceScope === WorkspaceScope.ALL;
  const all =
    draft.kind === "developer" ? "All workspaces that you may enter" : "All workspaces of the account";
  return (
    <>
      {(everywhere || draft.kind === "developer") && (
        <div className="choices">
          {" "}
          <Radios
            label="Workspaces"
            value={draft.allWorkspaces ? "all" : "some"}
            onChange={(choice) => onChange({ allWorkspaces: choice === "all" })}
            choices={[
              { value: "some", label: "Only chosen workspaces" },
              { value: "all", label: all, hint: "Also workspaces that are made later." },
            ]}
          />
        </div>
      )}
      {!draft.allWorkspaces && (
        <FieldSet
          label="Chosen workspaces"
          hint="Without a workspace, the key can use only what belongs to no workspace."
        >
          <WorkspacePicker
            value={draft.workspaceIds}
            onChange={(workspaceIds) => onChange({ workspaceIds })}
          />
        </FieldSet>
      )}
    </>
  );
}
