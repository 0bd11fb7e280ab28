import { useState } from "react";
import { useLocation } from "wouter";
import { type Profile, ProfileType } from "../../../gen/latchkey/v1/profile_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { ownerRole, useOwner } from "../../parts/rank.ts";
import { SearchField } from "../../parts/search-field.tsx";
import { type Session, useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { EmptyState, PageHeader, Toolbar } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { usePages } from "../../use-pages.ts";
import { InviteFlow } from "../invites/invite-flow.tsx";
import { useTeams } from "../service-accounts/use-teams.ts";
import { RoleBadges } from "../teams/role-badges.tsx";
import { RemovePerson } from "./remove-person.tsx";
import { RoleOfPerson } from "./role-of-person.tsx";

type Open = { what: "invite" } | { what: "role" | "remove"; person: Profile };

/** The people of the account and their roles. */
export function PeoplePage() {
  const session = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<Open>();
  const [query, setQuery] = useState("");
  const list = usePages(ProfileService.method.listProfiles, {
    query,
    type: ProfileType.USER,
    includeInfo: true,
  });
  const teams = useTeams();
  const owner = useOwner();
  const ownId = session.profile.metadata?.id ?? "";
  const close = () => setOpen(undefined);
  const itemsOf = (person: Profile) => menuOf({ session, owner, person, setOpen, navigate });
  return (
    <>
      <PageHeader
        title="People"
        description="The members of the account. A person may do what their role and their teams allow."
        actions={
          session.can("invites:write") && (
            <Button variant="primary" icon="plus" onClick={() => setOpen({ what: "invite" })}>
              Invite a person
            </Button>
          )
        }
      />
      <Toolbar>
        <SearchField
          label="Search people"
          placeholder="Name or e-mail address"
          value={query}
          onChange={setQuery}
        />
      </Toolbar>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <EmptyState title="No person has this name or e-mail address" />
          ) : (
            <Table
              label="People"
              columns={columnsOf(itemsOf, teams.nameOf, ownId)}
              rows={items}
              keyOf={(person) => person.metadata?.id ?? ""}
              busy={list.busy}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {open?.what === "invite" && <InviteFlow onClose={close} />}
      {open?.what === "role" && <RoleOfPerson person={open.person} onClose={close} />}
      {open?.what === "remove" && <RemovePerson person={open.person} onClose={close} />}
    </>
  );
}

function menuOf({
  session: { can, profile },
  owner,
  person,
  setOpen,
  navigate,
}: {
  session: Session;
  owner: boolean;
  person: Profile;
  setOpen(open: Open): void;
  navigate(to: string): void;
}): MenuItem[] {
  const id = person.metadata?.id ?? "";
  const own = id === profile.metadata?.id;
  // Only owners change and remove owners. People may remove themselves.
  const mayChange = can("profiles:manage") && (owner || person.info?.role !== ownerRole);
  const items: (MenuItem | false)[] = [
    mayChange &&
      can("roles:read") && { label: "Change role", onSelect: () => setOpen({ what: "role", person }) },
    can("audit:read") && {
      label: "What they did",
      icon: "audit",
      onSelect: () => navigate(`/audit?profile=${id}`),
    },
    (mayChange || own) && {
      label: own ? "Leave the account" : "Remove from the account",
      danger: true,
      onSelect: () => setOpen({ what: "remove", person }),
    },
  ];
  return items.filter((item) => item !== false);
}

function columnsOf(
  itemsOf: (person: Profile) => MenuItem[],
  teamNameOf: (id: string) => string,
  ownId: string,
): Column<Profile>[] {
  return [
    {
      title: "Name",
      cell: ({ metadata, spec }) => (
        <>
          <strong>{spec?.name}</strong> {metadata?.id === ownId && <Badge tone="accent">You</Badge>}
        </>
      ),
    },
    { title: "E-mail", kind: "wide", cell: ({ spec }) => spec?.email },
    { title: "Role", cell: ({ info }) => (info?.role ? <Badge>{info.role}</Badge> : <Guest />) },
    {
      title: "Teams",
      optional: true,
      cell: ({ info }) => <RoleBadges roles={info?.teamIds ?? []} nameOf={teamNameOf} />,
    },
    { title: "Joined", optional: true, cell: ({ metadata }) => <Time value={metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (person) => {
        const items = itemsOf(person);
        return items.length > 0 && <Menu label={`Actions for ${person.spec?.name}`} items={items} />;
      },
    },
  ];
}

function Guest() {
  return <Badge title="An external identity provider decides what this person may do">External</Badge>;
}
