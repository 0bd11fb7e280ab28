import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { Link, useLocation, useParams } from "wouter";
import type { Profile } from "../../../gen/latchkey/v1/profile_pb.ts";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { labelsText } from "../../parts/labels.ts";
import { historyItem } from "../../parts/links.tsx";
import { useRoles } from "../../parts/rank.ts";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { Confirm } from "../../ui/confirm.tsx";
import { CopyText } from "../../ui/copy.tsx";
import { EmptyState, Facts, PageHeader, Section } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { Pager } from "../../ui/pager.tsx";
import { Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { useToast } from "../../ui/toast.tsx";
import { usePages } from "../../use-pages.ts";
import { AddTeamMember } from "./add-team-member.tsx";
import { DeleteTeam } from "./delete-team.tsx";
import { RoleBadges } from "./role-badges.tsx";
import { TeamDialog } from "./team-dialog.tsx";

/** One team and its people. */
export function TeamPage() {
  const { id = "" } = useParams<{ id: string }>();
  const query = useQuery(TeamService.method.getTeam, { id });
  return <Loaded query={query}>{({ team }) => team && <TeamView team={team} />}</Loaded>;
}

function TeamView({ team }: { team: Team }) {
  const { can } = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<"edit" | "delete">();
  const { nameOf } = useRoles();
  const { metadata, spec, info } = team;
  const { id = "", name = "" } = metadata ?? {};
  const manage = can("teams:manage");
  const items: MenuItem[] = [
    ...historyItem(id, can("audit:read"), navigate),
    ...(manage ? [{ label: "Delete", danger: true, onSelect: () => setOpen("delete") }] : []),
  ];
  return (
    <>
      <PageHeader
        title={name}
        description={spec?.description || <Link to="/teams">All teams</Link>}
        actions={
          <>
            {manage && <Button onClick={() => setOpen("edit")}>Edit</Button>}
            {items.length > 0 && <Menu label={`Actions for ${name}`} items={items} />}
          </>
        }
      />
      <Facts
        facts={[
          ["Roles", <RoleBadges key="roles" roles={spec?.roles ?? []} nameOf={nameOf} />],
          ["Service accounts", <ServiceAccounts key="service" total={info?.serviceAccountsTotal ?? 0} />],
          ["Created", <Time key="created" value={metadata?.createdAt} />],
          ["Labels", labelsText(metadata?.labels) || <span className="quiet">none</span>],
          ["Id", <CopyText key="id" label="id" text={id} />],
        ]}
      />
      <Members team={team} />
      {open === "edit" && <TeamDialog team={team} onClose={() => setOpen(undefined)} />}
      {open === "delete" && (
        <DeleteTeam team={team} onClose={() => setOpen(undefined)} onDone={() => navigate("/teams")} />
      )}
    </>
  );
}

function ServiceAccounts({ total }: { total: number }) {
  const { can } = useSession();
  return can("service_accounts:read") && total > 0 ? <Link to="/service-accounts">{total}</Link> : total;
}

function Members({ team }: { team: Team }) {
  const { can, profile } = useSession();
  const [adding, setAdding] = useState(false);
  const [removing, setRemoving] = useState<Profile>();
  const id = team.metadata?.id ?? "";
  const list = usePages(TeamService.method.listTeamMembers, { id });
  const add = can("teams:write") && can("profiles:read") && (
    <Button icon="plus" onClick={() => setAdding(true)}>
      Add a person
    </Button>
  );
  return (
    <Section title="People" actions={add}>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <EmptyState
              title="No people in this team"
              paste={add && <Commands commands={[`team add-member ${id} ${profile.metadata?.id}`]} />}
            />
          ) : (
            <Table
              label="People in the team"
              rows={items}
              keyOf={(profile) => profile.metadata?.id ?? ""}
              busy={list.busy}
              columns={[
                { title: "Name", cell: ({ spec }) => <strong>{spec?.name}</strong> },
                { title: "E-mail", kind: "wide", cell: ({ spec }) => spec?.email },
                {
                  title: "Actions",
                  kind: "actions",
                  cell: (profile) =>
                    can("teams:manage") && (
                      <Button
                        size="small"
                        variant="ghost"
                        aria-label={`Remove ${profile.spec?.name}`}
                        onClick={() => setRemoving(profile)}
                      >
                        Remove
                      </Button>
                    ),
                },
              ]}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {adding && <AddTeamMember team={team} onClose={() => setAdding(false)} />}
      {removing && <RemoveMember team={team} profile={removing} onClose={() => setRemoving(undefined)} />}
    </Section>
  );
}

function RemoveMember({ team, profile, onClose }: { team: Team; profile: Profile; onClose(): void }) {
  const toast = useToast();
  const remove = useMutation(TeamService.method.removeTeamMember);
  const [name, teamName] = [profile.spec?.name ?? "", team.metadata?.name ?? ""];
  return (
    <Confirm
      title={`Remove ${name} from “${teamName}”?`}
      action="Remove"
      onConfirm={async () => {
        await remove.mutateAsync({ id: team.metadata?.id ?? "", profileId: profile.metadata?.id ?? "" });
        toast(`${name} is no longer in “${teamName}”.`);
      }}
      onClose={onClose}
    >
      <p>{name} loses the roles of the team at once.</p>
    </Confirm>
  );
}
