import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { ProfileType } from "../../../gen/latchkey/v1/profile_pb.ts";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { ProfilePicker } from "../../parts/profile-picker.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Adds a person to a team. */
export function AddTeamMember({ team, onClose }: { team: Team; onClose(): void }) {
  const toast = useToast();
  const [profileId, setProfileId] = useState("");
  const add = useMutation(TeamService.method.addTeamMember);
  const { id = "", name = "" } = team.metadata ?? {};
  return (
    <FormDialog
      title={`Add a person to “${name}”`}
      description="The person holds the roles of the team at once."
      action="Add"
      change={add}
      disabled={profileId === ""}
      onSubmit={() =>
        add.mutate(
          { id, profileId },
          {
            onSuccess: ({ profile }) => {
              toast(`${profile?.spec?.name} is in “${name}”.`);
              onClose();
            },
          },
        )
      }
      onClose={onClose}
    >
      <ProfilePicker label="Person" types={[ProfileType.USER]} value={profileId} onChange={setProfileId} />
    </FormDialog>
  );
}
