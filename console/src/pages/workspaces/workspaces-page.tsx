import { useState } from "react";
import { Link, useLocation } from "wouter";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { type Workspace, WorkspaceState } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { WorkspaceService } from "../../../gen/latchkey/v1/workspace_service_pb.ts";
import { Commands } from "../../parts/commands.tsx";
import { historyItem } from "../../parts/links.tsx";
import { SearchField } from "../../parts/search-field.tsx";
import { type Session, useSession } from "../../session.ts";
import { Badge } from "../../ui/badge.tsx";
import { Button } from "../../ui/button.tsx";
import { Checkbox } from "../../ui/field.tsx";
import { EmptyState, PageHeader, Toolbar } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { Pager } from "../../ui/pager.tsx";
import { type Column, Table } from "../../ui/table.tsx";
import { Time } from "../../ui/time.tsx";
import { type Pages, usePages } from "../../use-pages.ts";
import { ArchiveWorkspace } from "./archive-workspace.tsx";
import { WorkspaceDialog } from "./workspace-dialog.tsx";

type Open = { what: "new" } | { what: "edit" | "archive"; workspace: Workspace };

/** The workspaces of the account, or those that the user may enter if the user may not read all. */
export function WorkspacesPage() {
  const session = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<Open>();
  const [query, setQuery] = useState("");
  const [showArchived, setShowArchived] = useState(false);
  const readsAll = session.can("workspaces:read");
  const list = useWorkspaces(readsAll, query, showArchived);
  const close = () => setOpen(undefined);
  const itemsOf = (workspace: Workspace) => menuOf(session, workspace, setOpen, navigate);
  return (
    <>
      <PageHeader
        title="Workspaces"
        description={
          readsAll
            ? "A workspace is a part of the account. People and keys enter only the workspaces that they were given."
            : "The workspaces that you may enter."
        }
        actions={
          session.can("workspaces:write") && (
            <Button variant="primary" icon="plus" onClick={() => setOpen({ what: "new" })}>
              New workspace
            </Button>
          )
        }
      />
      <Toolbar>
        <SearchField label="Search workspaces" value={query} onChange={setQuery} />
        {readsAll && <Checkbox label="Show archived" checked={showArchived} onChange={setShowArchived} />}
      </Toolbar>
      <Loaded query={list}>
        {({ items }) =>
          items.length === 0 && list.pager.page === 0 ? (
            <NoWorkspaces searching={query !== ""} readsAll={readsAll} />
          ) : (
            <Table
              label="Workspaces"
              columns={columnsOf(readsAll, itemsOf)}
              rows={items}
              keyOf={(workspace) => workspace.metadata?.id ?? ""}
              busy={list.busy}
            />
          )
        }
      </Loaded>
      <Pager {...list.pager} />
      {open?.what === "new" && <WorkspaceDialog onClose={close} />}
      {open?.what === "edit" && <WorkspaceDialog workspace={open.workspace} onClose={close} />}
      {open?.what === "archive" && <ArchiveWorkspace workspace={open.workspace} onClose={close} />}
    </>
  );
}

function useWorkspaces(
  readsAll: boolean,
  query: string,
  showArchived: boolean,
): Pages<{ items: Workspace[] }> {
  const all = usePages(
    WorkspaceAdminService.method.listAccountWorkspaces,
    { query, showArchived, includeInfo: true },
    { enabled: readsAll },
  );
  const own = usePages(WorkspaceService.method.listWorkspaces, { query }, { enabled: !readsAll });
  return readsAll ? all : own;
}

function NoWorkspaces({ searching, readsAll }: { searching: boolean; readsAll: boolean }) {
  const { can } = useSession();
  if (searching) return <EmptyState title="No workspace has this name" />;
  if (!readsAll) return <EmptyState title="There is no workspace that you may enter" />;
  return (
    <EmptyState
      title="No workspaces yet"
      paste={can("workspaces:write") && <Commands commands={["workspace create --name Production"]} />}
    >
      <p>A workspace separates the data of teams, projects or environments.</p>
    </EmptyState>
  );
}

function menuOf(
  { can }: Session,
  workspace: Workspace,
  setOpen: (open: Open) => void,
  navigate: (to: string) => void,
): MenuItem[] {
  const live = workspace.state === WorkspaceState.ACTIVE;
  const items: (MenuItem | false)[] = [
    live &&
      can("workspaces:write") && { label: "Edit", onSelect: () => setOpen({ what: "edit", workspace }) },
    ...historyItem(workspace.metadata?.id ?? "", can("audit:read"), navigate),
    live &&
      can("workspaces:manage") && {
        label: "Archive",
        danger: true,
        onSelect: () => setOpen({ what: "archive", workspace }),
      },
  ];
  return items.filter((item) => item !== false);
}

function columnsOf(readsAll: boolean, itemsOf: (workspace: Workspace) => MenuItem[]): Column<Workspace>[] {
  const members: Column<Workspace> = {
    title: "Members",
    kind: "number",
    cell: ({ info }) => info?.membersTotal,
  };
  return [
    {
      title: "Name",
      kind: "wide",
      cell: ({ metadata, spec, state }) => (
        <>
          {readsAll ? <Link to={`/workspaces/${metadata?.id}`}>{metadata?.name}</Link> : metadata?.name}{" "}
          {state === WorkspaceState.ARCHIVED && <Badge>Archived</Badge>}
          {spec?.description && <p className="hint">{spec.description}</p>}
        </>
      ),
    },
    ...(readsAll ? [members] : []),
    { title: "Created", optional: true, cell: ({ metadata }) => <Time value={metadata?.createdAt} /> },
    {
      title: "Actions",
      kind: "actions",
      cell: (workspace) => {
        const items = itemsOf(workspace);
        return items.length > 0 && <Menu label={`Actions for ${workspace.metadata?.name}`} items={items} />;
      },
    },
  ];
}
