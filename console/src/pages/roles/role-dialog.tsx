import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Role } from "../../../gen/latchkey/v1/role_pb.ts";
import { RoleService } from "../../../gen/latchkey/v1/role_service_pb.ts";
import { DraftFields, draftOf, draftPaths, isComplete, metadataFrom } from "../../parts/draft.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { useRequestId } from "../../parts/request-id.ts";
import { FieldSet } from "../../ui/field.tsx";
import { useToast } from "../../ui/toast.tsx";
import { PermissionPicker } from "../keys/permission-picker.tsx";

const shown = [...draftPaths, "spec.permissions"];

/** Makes a role, or changes one. */
export function RoleDialog({ role, onClose }: { role?: Role; onClose(): void }) {
  const toast = useToast();
  const requestId = useRequestId();
  const [draft, setDraft] = useState(() => draftOf(role));
  const [permissions, setPermissions] = useState<readonly string[]>(role?.spec?.permissions ?? []);
  const create = useMutation(RoleService.method.createRole);
  const update = useMutation(RoleService.method.updateRole);
  const change = role ? update : create;
  function submit() {
    const metadata = metadataFrom(draft);
    const spec = { description: draft.description, permissions: [...permissions] };
    const onSuccess = () => {
      toast(role ? `The role “${metadata.name}” is changed.` : `The role “${metadata.name}” is created.`);
      onClose();
    };
    if (!role) return create.mutate({ metadata, spec, requestId }, { onSuccess });
    const updateMask = { paths: shown };
    update.mutate(
      { id: role.metadata?.id ?? "", metadata, spec, updateMask, etag: role.etag },
      { onSuccess },
    );
  }
  return (
    <FormDialog
      title={role ? `Edit the role “${role.metadata?.name}”` : "New role"}
      {...(role && { description: "A change applies at once to every holder of the role." })}
      action={role ? "Save" : "Create role"}
      size="wide"
      change={change}
      shown={draftPaths}
      disabled={!isComplete(draft)}
      onSubmit={submit}
      onClose={onClose}
    >
      <DraftFields draft={draft} onChange={setDraft} error={change.error} placeholder="Support">
        <FieldSet label="Permissions">
          <PermissionPicker value={permissions} onChange={setPermissions} />
        </FieldSet>
      </DraftFields>
    </FormDialog>
  );
}
