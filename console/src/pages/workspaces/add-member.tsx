import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Invite } from "../../../gen/latchkey/v1/invite_pb.ts";
import { ProfileType } from "../../../gen/latchkey/v1/profile_pb.ts";
import type { AddWorkspaceMemberResponse } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { Workspace } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { violationsOf } from "../../errors.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { ProfilePicker } from "../../parts/profile-picker.tsx";
import { RolePicker } from "../../parts/role-picker.tsx";
import { useSession } from "../../session.ts";
import { TextField } from "../../ui/field.tsx";
import { Tabs } from "../../ui/tabs.tsx";
import { useToast } from "../../ui/toast.tsx";
import { InviteToken } from "../invites/invite-token.tsx";

type Way = "profile" | "email";
const memberTypes = [ProfileType.USER, ProfileType.SERVICE_ACCOUNT, ProfileType.API_KEY];

/** Gives a workspace to a member of the account, or to a person by the e-mail address. */
export function AddMember({ workspace, onClose }: { workspace: Workspace; onClose(): void }) {
  const toast = useToast();
  const [invite, setInvite] = useState<Invite>();
  const name = workspace.metadata?.name ?? "";
  function onAdded({ member, invite: made }: AddWorkspaceMemberResponse) {
    if (made?.spec?.token) return setInvite(made);
    const { email } = made?.spec ?? {};
    toast(
      email ? `${email} gets a mail with an invite.` : `${member?.profile?.spec?.name} may enter “${name}”.`,
    );
    onClose();
  }
  if (invite) return <InviteToken invite={invite} onClose={onClose} />;
  return (
    <AddForm workspaceId={workspace.metadata?.id ?? ""} name={name} onAdded={onAdded} onClose={onClose} />
  );
}

function AddForm({
  workspaceId,
  name,
  onAdded,
  onClose,
}: {
  workspaceId: string;
  name: string;
  onAdded(response: AddWorkspaceMemberResponse): void;
  onClose(): void;
}) {
  const { can } = useSession();
  const ways = [
    ...(can("profiles:read") ? [{ id: "profile" as Way, label: "Member of the account" }] : []),
    ...(can("invites:write") ? [{ id: "email" as Way, label: "By e-mail address" }] : []),
  ];
  const [way, setWay] = useState<Way>(ways[0]?.id ?? "email");
  const [profileId, setProfileId] = useState("");
  const [email, setEmail] = useState("");
  const [role, setRole] = useState("");
  const add = useMutation(WorkspaceAdminService.method.addWorkspaceMember);
  const violations = violationsOf(add.error);
  const chosen = way === "profile" ? { profileId } : { email: email.trim(), role };
  return (
    <FormDialog
      title={`Add a member to “${name}”`}
      action="Add"
      change={add}
      shown={["email", "role"]}
      disabled={way === "profile" ? profileId === "" : email.trim() === ""}
      onSubmit={() => add.mutate({ workspaceId, ...chosen }, { onSuccess: onAdded })}
      onClose={onClose}
    >
      <Tabs<Way> label="How to find the member" tabs={ways} selected={way} onSelect={setWay}>
        {way === "profile" ? (
          <ProfilePicker label="Member" types={memberTypes} value={profileId} onChange={setProfileId} />
        ) : (
          <>
            <TextField
              label="E-mail address"
              hint="A person without membership is invited to the account."
              type="email"
              value={email}
              onChange={setEmail}
              error={violations.email}
              autoComplete="off"
              maxLength={254}
            />
            <RolePicker value={role} onChange={setRole} error={violations.role} />
          </>
        )}
      </Tabs>
    </FormDialog>
  );
}
