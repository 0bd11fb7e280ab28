import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { ProfileType } from "../../../gen/latchkey/v1/profile_pb.ts";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import {
  type Workspace,
  type WorkspaceMember,
  WorkspaceState,
} from "../../../gen/latchkey/v1/workspace_pb.ts";
import { type Session, useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { EmptyState, Section } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { useToast } from "../../ui/toast.tsx";
import { usePages } from "../../use-pages.ts";
import { AddMember } from "./add-member.tsx";

/** The people, service accounts and keys that a workspace was given to. */
export function WorkspaceMembers({ workspace }: { workspace: Workspace }) {
  const session = useSession();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<WorkspaceMember>();
  const workspaceId = workspace.metadata?.id ?? "";
  const list = usePages(WorkspaceAdminService.method.listWorkspaceMembers, { workspaceId });
  return (
    <Section
      title="Members"
      description="The people, service accounts and keys that were given this workspace. Owners and keys for all workspaces may enter it too."
      actions={
        mayAdd(session, workspace) && (
          <Button icon="plus" onClick={() => setAdding(true)}>
            Add a member
          </Button>
        )
      }
    >
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <EmptyState title="No members yet" />
          ) : (
            <Table
              label="Members of the workspace"
              columns={columnsOf(session.can("workspaces:manage"), setRemoving)}
              rows={items}
              keyOf={({ profile }) => profile?.metadata?.id ?? ""}
              busy={list.busy}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {adding && <AddMember workspace={workspace} onClose={() => setAdding(false)} />}
      {removing && (
        <RemoveMember workspace={workspace} member={removing} onClose={() => setRemoving(undefined)} />
      )}
    </Section>
  );
}

// A user can give only a live workspace that the user may enter.
function mayAdd({ can, principal }: Session, { metadata, state }: Workspace): boolean {
  const { workspaceScope, workspaceIds } = principal;
  const enters = workspaceScope === WorkspaceScope.ALL || workspaceIds.includes(metadata?.id ?? "");
  const offers = can("profiles:read") || can("invites:write");
  return state === WorkspaceState.ACTIVE && can("workspaces:write") && enters && offers;
}

const kinds: Readonly<Record<number, string>> = {
  [ProfileType.USER]: "Person",
  [ProfileType.SERVICE_ACCOUNT]: "Service account",
  [ProfileType.API_KEY]: "Key",
  [ProfileType.SYSTEM]: "System",
};

function columnsOf(
  mayRemove: boolean,
  onRemove: (member: WorkspaceMember) => void,
): Column<WorkspaceMember>[] {
  return [
    {
      title: "Name",
      kind: "wide",
      cell: ({ profile }) => (
        <>
          <strong>{profile?.spec?.name}</strong>
          {profile?.spec?.email && <p className="hint">{profile.spec.email}</p>}
        </>
      ),
    },
    { title: "Kind", cell: ({ profile }) => <Badge>{kinds[profile?.spec?.type ?? 0]}</Badge> },
    { title: "Since", optional: true, cell: ({ createdAt }) => <Time value={createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (member) =>
        mayRemove && (
          <Button
            size="small"
            variant="ghost"
            aria-label={`Remove ${member.profile?.spec?.name}`}
            onClick={() => onRemove(member)}
          >
            Remove
          </Button>
        ),
    },
  ];
}

function RemoveMember({
  workspace,
  member: { profile },
  onClose,
}: {
  workspace: Workspace;
  member: WorkspaceMember;
  onClose(): void;
}) {
  const toast = useToast();
  const remove = useMutation(WorkspaceAdminService.method.removeWorkspaceMember);
  const { id: workspaceId = "", name: workspaceName } = workspace.metadata ?? {};
  const name = profile?.spec?.name ?? "";
  return (
    <Confirm
      title={`Remove ${name} from “${workspaceName}”?`}
      action="Remove"
      onConfirm={async () => {
        await remove.mutateAsync({ workspaceId, profileId: profile?.metadata?.id ?? "" });
        toast(`${name} may no longer enter “${workspaceName}”.`);
      }}
      onClose={onClose}
    >
      <p>The change is effective at once, on every server.</p>
    </Confirm>
  );
}
