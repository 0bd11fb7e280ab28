import { useMutation } from "@connectrpc/connect-query";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { Workspace } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Asks before a workspace is archived. */
export function ArchiveWorkspace({
  workspace,
  onClose,
  onDone,
}: {
  workspace: Workspace;
  onClose(): void;
  onDone?(): void;
}) {
  const toast = useToast();
  const archive = useMutation(WorkspaceAdminService.method.archiveWorkspace);
  const { id = "", name = "" } = workspace.metadata ?? {};
  return (
    <Confirm
      title={`Archive the workspace “${name}”?`}
      action="Archive workspace"
      typed={name}
      onConfirm={async () => {
        await archive.mutateAsync({ workspaceId: id });
        toast(`The workspace “${name}” is archived.`);
        onDone?.();
      }}
      onClose={onClose}
    >
      <p>No person and no key may enter it any more. This cannot be undone. Its record stays readable.</p>
    </Confirm>
  );
}
