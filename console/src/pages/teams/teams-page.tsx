import { useState } from "react";
import { Link, useLocation } from "wouter";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { historyItem } from "../../parts/links.tsx";
import { useRoles } from "../../parts/rank.ts";
import { SearchField } from "../../parts/search-field.tsx";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { EmptyState, PageHeader, Toolbar } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { usePages } from "../../use-pages.ts";
import { DeleteTeam } from "./delete-team.tsx";
import { RoleBadges } from "./role-badges.tsx";
import { TeamDialog } from "./team-dialog.tsx";

type Open = { what: "new" } | { what: "edit" | "delete"; team: Team };

/** The teams of the account. */
export function TeamsPage() {
  const { can } = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<Open>();
  const [query, setQuery] = useState("");
  const list = usePages(TeamService.method.listTeams, { query, includeInfo: true });
  const { nameOf } = useRoles();
  const close = () => setOpen(undefined);
  const itemsOf = (team: Team): MenuItem[] => [
    ...(can("teams:manage") ? [{ label: "Edit", onSelect: () => setOpen({ what: "edit", team }) }] : []),
    ...historyItem(team.metadata?.id ?? "", can("audit:read"), navigate),
    ...(can("teams:manage")
      ? [{ label: "Delete", danger: true, onSelect: () => setOpen({ what: "delete", team }) }]
      : []),
  ];
  const create = can("teams:write") && (
    <Button variant="primary" icon="plus" onClick={() => setOpen({ what: "new" })}>
      New team
    </Button>
  );
  return (
    <>
      <PageHeader
        title="Teams"
        description="A team is a group of people and service accounts. Its members hold its roles."
        actions={create}
      />
      <Toolbar>
        <SearchField label="Search teams" value={query} onChange={setQuery} />
      </Toolbar>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <EmptyState
              title={query ? "No team has this name" : "No teams yet"}
              paste={
                !query &&
                can("teams:write") && <Commands commands={["team create --name Backend --role developer"]} />
              }
            >
              <p>
                A team gives the same roles to several people, and owns the service accounts of its software.
              </p>
            </EmptyState>
          ) : (
            <Table
              label="Teams"
              columns={columnsOf(itemsOf, nameOf)}
              rows={items}
              keyOf={(team) => team.metadata?.id ?? ""}
              busy={list.busy}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {open?.what === "new" && <TeamDialog onClose={close} />}
      {open?.what === "edit" && <TeamDialog team={open.team} onClose={close} />}
      {open?.what === "delete" && <DeleteTeam team={open.team} onClose={close} />}
    </>
  );
}

function columnsOf(itemsOf: (team: Team) => MenuItem[], nameOf: (id: string) => string): Column<Team>[] {
  return [
    {
      title: "Name",
      cell: ({ metadata, spec }) => (
        <>
          <Link to={`/teams/${metadata?.id}`}>{metadata?.name}</Link>
          {spec?.description && <p className="hint">{spec.description}</p>}
        </>
      ),
    },
    {
      title: "Roles",
      kind: "wide",
      cell: ({ spec }) => <RoleBadges roles={spec?.roles ?? []} nameOf={nameOf} />,
    },
    { title: "People", kind: "number", cell: ({ info }) => info?.membersTotal },
    { title: "Service accounts", kind: "number", cell: ({ info }) => info?.serviceAccountsTotal },
    { title: "Created", optional: true, cell: ({ metadata }) => <Time value={metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (team) => {
        const items = itemsOf(team);
        return items.length > 0 && <Menu label={`Actions for ${team.metadata?.name}`} items={items} />;
      },
    },
  ];
}
