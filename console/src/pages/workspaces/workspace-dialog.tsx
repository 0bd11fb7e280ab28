import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { WorkspaceAdminService } from "../../../gen/latchkey/v1/workspace_admin_service_pb.ts";
import type { Workspace } from "../../../gen/latchkey/v1/workspace_pb.ts";
import { DraftFields, draftOf, draftPaths, isComplete, metadataFrom } from "../../parts/draft.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { useRequestId } from "../../parts/request-id.ts";
import { useToast } from "../../ui/toast.tsx";

/** Makes a workspace, or changes one. */
export function WorkspaceDialog({ workspace, onClose }: { workspace?: Workspace; onClose(): void }) {
  const toast = useToast();
  const requestId = useRequestId();
  const [draft, setDraft] = useState(() => draftOf(workspace));
  const create = useMutation(WorkspaceAdminService.method.createWorkspace);
  const update = useMutation(WorkspaceAdminService.method.updateWorkspace);
  const change = workspace ? update : create;
  function submit() {
    const metadata = metadataFrom(draft);
    const spec = { description: draft.description };
    const onSuccess = () => {
      toast(`The workspace “${metadata.name}” is ${workspace ? "changed" : "created"}.`);
      onClose();
    };
    if (!workspace) return create.mutate({ metadata, spec, requestId }, { onSuccess });
    const { id: workspaceId = "" } = workspace.metadata ?? {};
    const updateMask = { paths: [...draftPaths] };
    update.mutate({ workspaceId, metadata, spec, updateMask, etag: workspace.etag }, { onSuccess });
  }
  return (
    <FormDialog
      title={workspace ? `Edit the workspace “${workspace.metadata?.name}”` : "New workspace"}
      {...(!workspace && {
        description: "You do not become a member of it. Give it to people and keys afterwards.",
      })}
      action={workspace ? "Save" : "Create workspace"}
      change={change}
      shown={draftPaths}
      disabled={!isComplete(draft)}
      onSubmit={submit}
      onClose={onClose}
    >
      <DraftFields draft={draft} onChange={setDraft} error={change.error} placeholder="Production" />
    </FormDialog>
  );
}
