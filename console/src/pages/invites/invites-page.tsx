import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { type Invite, InviteState } from "../../../gen/latchkey/v1/invite_pb.ts";
import { InviteService } from "../../../gen/latchkey/v1/invite_service_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { ownerRole, useOwner, useRoles } from "../../parts/rank.ts";
import { useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import type { Tone } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { Checkbox } from "../../ui/field.tsx";
import { EmptyState, PageHeader, Toolbar } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { useToast } from "../../ui/toast.tsx";
import { usePages } from "../../use-pages.ts";
import { InviteFlow } from "./invite-flow.tsx";

/** The invites of the account. */
// Over 60 lines: a table and its dialogs, which share the chosen row.
export function InvitesPage() {
  const { can } = useSession();
  const [inviting, setInviting] = useState(false);
  const [revoking, setRevoking] = useState<Invite>();
  const [showAll, setShowAll] = useState(false);
  const list = usePages(InviteService.method.listInvites, { showAll });
  const { nameOf } = useRoles();
  const owner = useOwner();
  // Only owners revoke the invite of an owner.
  const mayRevoke = ({ state, spec }: Invite) =>
    can("invites:manage") &&
    (state === InviteState.PENDING || state === InviteState.EXPIRED) &&
    (owner || (can("roles:read") && nameOf(spec?.role ?? "") !== ownerRole));
  return (
    <>
      <PageHeader
        title="Invites"
        description="An invite is for one e-mail address, and ends after 7 days."
        actions={
          can("invites:write") && (
            <Button variant="primary" icon="plus" onClick={() => setInviting(true)}>
              Invite a person
            </Button>
          )
        }
      />
      <Toolbar>
        <Checkbox
          label="Show accepted, revoked and expired invites"
          checked={showAll}
          onChange={setShowAll}
        />
      </Toolbar>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <EmptyState
              title={showAll ? "No invites" : "No pending invites"}
              paste={
                can("invites:write") && (
                  <Commands commands={["invite create grace@example.com --role developer"]} />
                )
              }
            >
              <p>Invite people to the account. The invite says which role they get.</p>
            </EmptyState>
          ) : (
            <Table
              label="Invites"
              columns={columnsOf(nameOf, mayRevoke, setRevoking)}
              rows={items}
              keyOf={(invite) => invite.metadata?.id ?? ""}
              busy={list.busy}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {inviting && <InviteFlow onClose={() => setInviting(false)} />}
      {revoking && <RevokeInvite invite={revoking} onClose={() => setRevoking(undefined)} />}
    </>
  );
}

const states: Readonly<Record<number, readonly [word: string, tone: Tone]>> = {
  [InviteState.PENDING]: ["Pending", "accent"],
  [InviteState.ACCEPTED]: ["Accepted", "success"],
  [InviteState.REVOKED]: ["Revoked", "neutral"],
  [InviteState.EXPIRED]: ["Expired", "warning"],
};

function State({ invite }: { invite: Invite }) {
  const [word, tone] = states[invite.state] ?? ["Unknown", "neutral"];
  return <Badge tone={tone}>{word}</Badge>;
}

function columnsOf(
  roleNameOf: (id: string) => string,
  mayRevoke: (invite: Invite) => boolean,
  onRevoke: (invite: Invite) => void,
): Column<Invite>[] {
  return [
    { title: "E-mail", kind: "wide", cell: ({ spec }) => <strong>{spec?.email}</strong> },
    { title: "State", cell: (invite) => <State invite={invite} /> },
    {
      title: "Role",
      cell: ({ spec }) =>
        spec?.role ? <Badge>{roleNameOf(spec.role)}</Badge> : <span className="quiet">deleted</span>,
    },
    { title: "Workspaces", kind: "number", optional: true, cell: ({ spec }) => spec?.workspaceIds.length },
    { title: "Invited by", optional: true, cell: ({ info }) => info?.createdBy?.spec?.name },
    { title: "Ends", cell: ({ spec }) => <Time value={spec?.expiresAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (invite) =>
        mayRevoke(invite) && (
          <Button
            size="small"
            variant="ghost"
            aria-label={`Revoke the invite of ${invite.spec?.email}`}
            onClick={() => onRevoke(invite)}
          >
            Revoke
          </Button>
        ),
    },
  ];
}

function RevokeInvite({ invite, onClose }: { invite: Invite; onClose(): void }) {
  const toast = useToast();
  const revoke = useMutation(InviteService.method.revokeInvite);
  const email = invite.spec?.email ?? "";
  return (
    <Confirm
      title={`Revoke the invite of ${email}?`}
      action="Revoke invite"
      onConfirm={async () => {
        await revoke.mutateAsync({ id: invite.metadata?.id ?? "" });
        toast(`The invite of ${email} is revoked.`);
      }}
      onClose={onClose}
    >
      <p>The invite can no longer be accepted. You can invite the address again.</p>
    </Confirm>
  );
}
