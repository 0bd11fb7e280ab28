import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import { Link, useLocation, useParams } from "wouter";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import { type Workspace, WorkspaceState } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { labelsText } from "../../parts/labels.ts";
import { historyItem } from "../../parts/links.tsx";
import { useSession } from "../../session.ts";
import { Banner } from "../../ui/banner.tsx";
import { Button } from "../../ui/button.tsx";
import { CopyText } from "../../ui/copy.tsx";
import { Facts, PageHeader } from "../../ui/layout.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { Menu, type MenuItem } from "../../ui/menu.tsx";
import { Time } from "../../ui/time.tsx";
import { ArchiveWorkspace } from "./archive-workspace.tsx";
import { WorkspaceDialog } from "./workspace-dialog.tsx";
import { WorkspaceMembers } from "./workspace-members.tsx";

/** One workspace and what may enter it. */
export function WorkspacePage() {
  const { id: workspaceId = "" } = useParams<{ id: string }>();
  const query = useQuery(WorkspaceAdminService.method.getWorkspace, { workspaceId });
  return (
    <Loaded query={query}>{({ workspace }) => workspace && <WorkspaceView workspace={workspace} />}</Loaded>
  );
}

function WorkspaceView({ workspace }: { workspace: Workspace }) {
  const { can } = useSession();
  const [, navigate] = useLocation();
  const [open, setOpen] = useState<"edit" | "archive">();
  const { metadata, spec, info, state } = workspace;
  const { id = "", name = "" } = metadata ?? {};
  const live = state === WorkspaceState.ACTIVE;
  const items: MenuItem[] = [
    ...historyItem(id, can("audit:read"), navigate),
    ...(live && can("workspaces:manage")
      ? [{ label: "Archive", danger: true, onSelect: () => setOpen("archive") }]
      : []),
  ];
  return (
    <>
      <PageHeader
        title={name}
        description={spec?.description || <Link to="/workspaces">All workspaces</Link>}
        actions={
          <>
            {live && can("workspaces:write") && <Button onClick={() => setOpen("edit")}>Edit</Button>}
            {items.length > 0 && <Menu label={`Actions for ${name}`} items={items} />}
          </>
        }
      />
      {!live && (
        <Banner tone="warning" title="This workspace is archived. ">
          No person and no key may enter it.
        </Banner>
      )}
      <Facts
        facts={[
          ["Created", <Time key="created" value={metadata?.createdAt} />],
          ["Created by", info?.createdBy?.spec?.name || <span className="quiet">unknown</span>],
          ["External id", metadata?.externalId || <span className="quiet">none</span>],
          ["Labels", labelsText(metadata?.labels) || <span className="quiet">none</span>],
          ["Id", <CopyText key="id" label="id" text={id} />],
        ]}
      />
      <WorkspaceMembers workspace={workspace} />
      {open === "edit" && <WorkspaceDialog workspace={workspace} onClose={() => setOpen(undefined)} />}
      {open === "archive" && <ArchiveWorkspace workspace={workspace} onClose={() => setOpen(undefined)} />}
    </>
  );
}
