import { useState } from "react";
import { Link, useLocation } from "wouter";
import type { ServiceAccount } from "../../../gen/latchkey/v1/service_account_pb.ts";
import { ServiceAccountService } from "../../../gen/latchkey/v1/service_account_service_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { historyItem } from "../../parts/links.tsx";
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
import { DeleteServiceAccount } from "./delete-service-account.tsx";
import { ServiceAccountDialog } from "./service-account-dialog.tsx";
import { useTeams } from "./use-teams.ts";

type Open = { what: "new" } | { what: "edit" | "delete"; account: ServiceAccount };

/** The service accounts: identities of software, which own keys. */
// Over 60 lines: a table and its dialogs, which share the chosen row.
export function ServiceAccountsPage() {
  const { can } = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<Open>();
  const [query, setQuery] = useState("");
  const list = usePages(ServiceAccountService.method.listServiceAccounts, { query, includeInfo: true });
  const teams = useTeams();
  const close = () => setOpen(undefined);
  const itemsOf = (account: ServiceAccount): MenuItem[] => [
    ...(can("service_accounts:write")
      ? [{ label: "Edit or move", onSelect: () => setOpen({ what: "edit", account }) }]
      : []),
    ...historyItem(account.metadata?.id ?? "", can("audit:read"), navigate),
    ...(can("service_accounts:manage")
      ? [{ label: "Delete", danger: true, onSelect: () => setOpen({ what: "delete", account }) }]
      : []),
  ];
  return (
    <>
      <PageHeader
        title="Service accounts"
        description="An identity for software. It belongs to a team, holds the roles of that team, and stays when people leave."
        actions={
          can("service_accounts:write") &&
          can("teams:read") && (
            <Button variant="primary" icon="plus" onClick={() => setOpen({ what: "new" })}>
              New service account
            </Button>
          )
        }
      />
      <Toolbar>
        <SearchField label="Search service accounts" value={query} onChange={setQuery} />
      </Toolbar>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <EmptyState
              title={query ? "No service account has this name" : "No service accounts yet"}
              paste={
                !query &&
                can("service_accounts:write") &&
                teams.all[0]?.metadata && (
                  <Commands
                    commands={[`service-account create --name deploy --team ${teams.all[0].metadata.id}`]}
                  />
                )
              }
            >
              <p>
                Use one for CI, a backend or an internal tool. Its keys do not end when the person who made
                them leaves.
              </p>
            </EmptyState>
          ) : (
            <Table
              label="Service accounts"
              columns={columnsOf(itemsOf, teams.nameOf)}
              rows={items}
              keyOf={(account) => account.metadata?.id ?? ""}
              busy={list.busy}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {open?.what === "new" && <ServiceAccountDialog onClose={close} />}
      {open?.what === "edit" && <ServiceAccountDialog account={open.account} onClose={close} />}
      {open?.what === "delete" && <DeleteServiceAccount account={open.account} onClose={close} />}
    </>
  );
}

function columnsOf(
  itemsOf: (account: ServiceAccount) => MenuItem[],
  teamNameOf: (id: string) => string,
): Column<ServiceAccount>[] {
  return [
    {
      title: "Name",
      kind: "wide",
      cell: ({ metadata, spec }) => (
        <>
          <strong>{metadata?.name}</strong>
          {spec?.description && <p className="hint">{spec.description}</p>}
        </>
      ),
    },
    {
      title: "Team",
      cell: ({ spec }) => <Link to={`/teams/${spec?.teamId}`}>{teamNameOf(spec?.teamId ?? "")}</Link>,
    },
    { title: "Live keys", kind: "number", cell: ({ info }) => info?.apiKeysTotal },
    { title: "Created", optional: true, cell: ({ metadata }) => <Time value={metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (account) => {
        const items = itemsOf(account);
        return items.length > 0 && <Menu label={`Actions for ${account.metadata?.name}`} items={items} />;
      },
    },
  ];
}
