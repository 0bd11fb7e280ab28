import { useState } from "react";
import type { Invite } from "../../../gen/latchkey/v1/invite_pb.ts";
import { InviteService } from "../../../gen/latchkey/v1/invite_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { useRequestId } from "../../parts/request-id.ts";
import { RolePicker } from "../../parts/role-picker.tsx";
import { WorkspacesPicker } from "../../parts/workspaces-picker.tsx";
import { TextField } from "../../ui/field.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useCall } from "../../use-call.ts";
import { InviteToken } from "./invite-token.tsx";

const shown = ["email", "role", "workspace_ids"];

/** Invites a person, and shows the token of the invite if the server does not mail it. */
export function InviteFlow({ onClose }: { onClose(): void }) {
  const toast = useToast();
  const [made, setMade] = useState<Invite>();
  function onMade(invite: Invite | undefined) {
    if (invite?.spec?.token) return setMade(invite);
    toast(`${invite?.spec?.email} gets a mail with the invite.`);
    onClose();
  }
  return made ? (
    <InviteToken invite={made} onClose={onClose} />
  ) : (
    <InviteForm onMade={onMade} onClose={onClose} />
  );
}

function InviteForm({ onMade, onClose }: { onMade(invite: Invite | undefined): void; onClose(): void }) {
  const requestId = useRequestId();
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("");
  const [workspaceIds, setWorkspaceIds] = useState<readonly string[]>([]);
  const create = useCall(InviteService.method.createInvite, ({ invite }) => onMade(invite));
  const violations = violationsOf(create.error);
  return (
    <FormDialog
      title="Invite a person"
      action="Invite"
      change={create}
      shown={shown}
      disabled={email.trim() === "" || role === ""}
      onSubmit={() =>
        create.mutate({ email: email.trim(), role, workspaceIds: [...workspaceIds], requestId })
      }
      onClose={onClose}
    >
      <TextField
        label="E-mail address"
        type="email"
        value={email}
        onChange={setEmail}
        error={violations.email}
        autoComplete="off"
        maxLength={254}
        autoFocus
      />
      <RolePicker value={role} onChange={setRole} error={violations.role} />
      <WorkspacesPicker
        label="Workspaces (optional)"
        hint="The workspaces that the person may enter from the beginning."
        value={workspaceIds}
        onChange={setWorkspaceIds}
        error={violations.workspace_ids}
      />
    </FormDialog>
  );
}
