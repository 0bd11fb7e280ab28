import { useState } from "react";
import { ApiKeyService } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { parseLabels } from "../../parts/labels.ts";
import { newRequestId } from "../../parts/request-id.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { ErrorNote } from "../../ui/error-note.tsx";
import { Radios, TextField } from "../../ui/field.tsx";
import { Form } from "../../ui/form.tsx";
import { useCall } from "../../use-call.ts";
import { AccessFields } from "./access-fields.tsx";
import { creatableKinds } from "./actions.ts";
import { type Draft, emptyDraft, isEverywhere, requestOf } from "./draft.ts";
import { ExpiryField, isComplete } from "./expiry-field.tsx";
import { type KindName, kinds } from "./filter.ts";
import { MoreFields } from "./more-fields.tsx";
import { OwnerFields } from "./owner-fields.tsx";
import type { Issued } from "./tasks.ts";

const kindHints: Record<KindName, { label: string; hint: string }> = {
  application: { label: "Application", hint: "For an integration. The account owns it." },
  service: { label: "Service", hint: "For CI and back ends. A service account of a team owns it." },
  developer: { label: "Developer", hint: "For your own work. It ends when you leave the account." },
};
// The paths of the fields whose errors the form shows beside them.
const shown = [
  "metadata.name",
  "spec.expires_at",
  "spec.description",
  "metadata.external_id",
  "service_account.name",
  "service_account.team_id",
  "spec.service_account_id",
];

/** Creates a key: one dialog for its kind, owner, permissions, workspaces and end. */
// Over 60 lines: one form, whose fields share its state.
export function CreateKey({ onIssued, onClose }: { onIssued(issued: Issued): void; onClose(): void }) {
  const offered = useOfferedKinds();
  const { principal } = useSession();
  const [draft, setDraft] = useState<Draft>(() => emptyDraft(offered[0] ?? "developer", principal));
  const [checked, setChecked] = useState(false);
  // A repeat after a lost response must not create a second key.
  const [requestId, setRequestId] = useState(newRequestId);
  const call = useCall(ApiKeyService.method.createApiKey, ({ apiKey: key }) => {
    onClose();
    if (key) onIssued({ key, token: key.spec?.token ?? "", by: "creation" });
  });
  const change = (part: Partial<Draft>) => {
    // Another key is another request.
    if (call.isError) setRequestId(newRequestId());
    setDraft({ ...draft, ...part });
  };
  const errors = { ...(checked && missingIn(draft)), ...violationsOf(call.error ?? undefined) };
  const create = () => {
    setChecked(true);
    if (call.isPending || Object.keys(missingIn(draft)).length > 0) return;
    call.mutate(requestOf(draft, requestId, Date.now()));
  };
  return (
    <Dialog title="Create a key" size="wide" onClose={() => call.isPending || onClose()}>
      <Form onSubmit={create} label="New key">
        {offered.length > 1 && (
          <div className="choices">
            {" "}
            <Radios
              label="Kind"
              value={draft.kind}
              onChange={(kind) =>
                change({ kind, allWorkspaces: isEverywhere(kind, principal), workspaceIds: [] })
              }
              choices={offered.map((kind) => ({ value: kind, ...kindHints[kind] }))}
            />
          </div>
        )}
        <TextField
          label="Name"
          hint="What the key is for, such as “Billing export”."
          error={errors["metadata.name"]}
          autoComplete="off"
          maxLength={128}
          value={draft.name}
          onChange={(name) => change({ name })}
        />
        {draft.kind === "service" && (
          <OwnerFields
            keyName={draft.name}
            owner={draft.owner}
            errors={errors}
            onChange={(owner) => change({ owner })}
          />
        )}
        <AccessFields draft={draft} errors={errors} onChange={change} />
        <ExpiryField
          value={draft.expiry}
          error={errors["spec.expires_at"]}
          onChange={(expiry) => change({ expiry })}
        />
        <MoreFields value={draft} errors={errors} onChange={change} />
        <ErrorNote error={call.error} shown={shown} />
        <footer className="actions">
          <Button onClick={onClose} disabled={call.isPending}>
            Cancel
          </Button>
          <Button type="submit" variant="primary" busy={call.isPending}>
            Create key
          </Button>
        </footer>
      </Form>
    </Dialog>
  );
}

function useOfferedKinds(): KindName[] {
  const session = useSession();
  const creatable = creatableKinds(session);
  return (Object.keys(kinds) as KindName[]).filter((kind) => creatable.includes(kinds[kind]));
}

// What the user must fill in before the server can answer.
function missingIn(draft: Draft): Record<string, string> {
  const { kind, owner, everything, permissions, expiry } = draft;
  const { error } = parseLabels(draft.labels);
  return {
    ...(draft.name.trim() === "" && { "metadata.name": "Give the key a name." }),
    ...(kind === "service" &&
      owner.isNew &&
      !owner.teamId && { "service_account.team_id": "Choose a team." }),
    ...(kind === "service" &&
      !owner.isNew &&
      !owner.serviceAccountId && { "spec.service_account_id": "Choose a service account." }),
    // The server reads an empty list of such a key as everything that its owner may do.
    ...(kind !== "application" &&
      !everything &&
      permissions.length === 0 && { "spec.permissions": "Choose at least one permission." }),
    ...(!isComplete(expiry) && { "spec.expires_at": "Choose a date." }),
    ...(error && { "metadata.labels": error }),
  };
}
