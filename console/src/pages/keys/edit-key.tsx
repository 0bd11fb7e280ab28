import { useState } from "react";
import { type ApiKey, ApiKeyKind, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { reasonOf, violationsOf } from "../../errors.ts";
import { parseLabels } from "../../parts/labels.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { FieldSet, Radios, TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useCall } from "../../use-call.ts";
import { changesOf, type Edit, editOf, maskOf } from "./edit.ts";
import { ExpiryField, isComplete } from "./expiry-field.tsx";
import { MoreFields } from "./more-fields.tsx";
import { PermissionPicker } from "./permission-picker.tsx";
import { nameOf } from "./words.ts";

const shown = ["metadata.name", "spec.expires_at", "spec.description", "metadata.external_id"];

/** Changes a key. It sends only the fields that the user changed. */
export function EditKey({ apiKey, onClose }: { apiKey: ApiKey; onClose(): void }) {
  const [edit, setEdit] = useState<Edit>(() => editOf(apiKey));
  const [checked, setChecked] = useState(false);
  const toast = useToast();
  const call = useCall(ApiKeyService.method.updateApiKey, () => {
    toast(`“${edit.name}” is changed on every instance.`);
    onClose();
  });
  const change = (part: Partial<Edit>) => setEdit({ ...edit, ...part });
  const errors = { ...(checked && wrongIn(edit)), ...violationsOf(call.error ?? undefined) };
  const mask = maskOf(apiKey, edit);
  const save = () => {
    setChecked(true);
    if (call.isPending || Object.keys(wrongIn(edit)).length > 0) return;
    if (mask.length === 0) return onClose();
    call.mutate(changesOf(apiKey, edit, Date.now()));
  };
  return (
    <Dialog title={`Edit “${nameOf(apiKey)}”`} size="wide" onClose={() => call.isPending || onClose()}>
      <Form onSubmit={save} label="Key">
        <TextField
          label="Name"
          error={errors["metadata.name"]}
          autoComplete="off"
          maxLength={128}
          value={edit.name}
          onChange={(name) => change({ name })}
        />
        <FieldSet label="Permissions">
          <PermissionPicker value={edit.permissions} onChange={(permissions) => change({ permissions })} />
        </FieldSet>
        <Scope apiKey={apiKey} edit={edit} onChange={change} />
        <ExpiryField
          value={edit.expiry}
          error={errors["spec.expires_at"]}
          onChange={(expiry) => change({ expiry })}
        />
        <MoreFields value={edit} errors={errors} onChange={change} />
        <ErrorNote error={call.error} shown={shown} />
        {reasonOf(call.error) === "ETAG_MISMATCH" && (
          <p>Close this dialog and open it again to see the other change.</p>
        )}
        <footer className="actions">
          <Button onClick={onClose} disabled={call.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={call.isPending}>
            Save
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

function Scope({
  apiKey,
  edit,
  onChange,
}: {
  apiKey: ApiKey;
  edit: Edit;
  onChange(part: Partial<Edit>): void;
}) {
  const { principal } = useSession();
  const was = apiKey.spec?.workspaceScope === WorkspaceScope.ALL;
  const offered =
    was || principal.workspaceScope === WorkspaceScope.ALL || apiKey.spec?.kind === ApiKeyKind.DEVELOPER;
  if (!offered) return null;
  return (
    <Radios
      label="Workspaces"
      value={edit.allWorkspaces ? "all" : "some"}
      onChange={(choice) => onChange({ allWorkspaces: choice === "all" })}
      choices={[
        {
          value: "some",
          label: "Only granted workspaces",
          hint: "The details of the key show and change them.",
        },
        { value: "all", label: "All workspaces", hint: "Also workspaces that are made later." },
      ]}
    />
  );
}

function wrongIn(edit: Edit): Record<string, string> {
  const { error } = parseLabels(edit.labels);
  return {
    ...(edit.name.trim() === "" && { "metadata.name": "Give the key a name." }),
    ...(!isComplete(edit.expiry) && { "spec.expires_at": "Choose a date." }),
    ...(error && { "metadata.labels": error }),
  };
}
