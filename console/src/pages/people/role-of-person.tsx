import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Profile } from "../../../gen/latchkey/v1/profile_pb.ts";
import { ProfileService } from "../../../gen/latchkey/v1/profile_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { RolePicker } from "../../parts/role-picker.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Gives a person another role. */
export function RoleOfPerson({ person, onClose }: { person: Profile; onClose(): void }) {
  const toast = useToast();
  const [role, setRole] = useState(person.info?.roleId ?? "");
  const set = useMutation(ProfileService.method.setProfileRole);
  const { id = "" } = person.metadata ?? {};
  const name = person.spec?.name ?? "";
  return (
    <FormDialog
      title={`Change the role of ${name}`}
      description="The change is effective at once, also for the keys of this person."
      action="Change role"
      change={set}
      shown={["role"]}
      disabled={role === "" || role === person.info?.roleId}
      onSubmit={() =>
        set.mutate(
          { id, role },
          {
            onSuccess: ({ profile }) => {
              toast(`${name} has the role ${profile?.info?.role}.`);
              onClose();
            },
          },
        )
      }
      onClose={onClose}
    >
      <RolePicker value={role} onChange={setRole} error={violationsOf(set.error).role} />
    </FormDialog>
  );
}
