import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Role } from "../../../gen/latchkey/v1/role_pb.ts";
import { RoleService } from "../../../gen/latchkey/v1/role_service_pb.ts";
import { roleChoices, useRoles } from "../../parts/rank.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { Select } from "../../ui/field.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Asks before a role is deleted, and which role its holders get instead. */
export function DeleteRole({ role, onClose }: { role: Role; onClose(): void }) {
  const toast = useToast();
  const { offered } = useRoles();
  const [replacement, setReplacement] = useState("");
  const remove = useMutation(RoleService.method.deleteRole);
  const name = role.metadata?.name ?? "";
  // A team cannot hold the role of owners, and a replacement is another role.
  const others = offered.filter(
    ({ metadata }) => metadata?.id !== role.metadata?.id && metadata?.name !== "owner",
  );
  return (
    <Confirm
      title={`Delete the role “${name}”?`}
      action="Delete role"
      onConfirm={async () => {
        await remove.mutateAsync({ id: role.metadata?.id ?? "", replacement });
        toast(`The role “${name}” is deleted.`);
      }}
      onClose={onClose}
    >
      <p>
        A role with holders is deleted only if its holders get another role. Pending invites with the role
        end.
      </p>
      <Select
        label="Its holders get"
        value={replacement}
        onChange={setReplacement}
        choices={[
          { value: "", label: "No other role: delete it only if no person or team holds it" },
          ...roleChoices(others),
        ]}
      />
    </Confirm>
  );
}
