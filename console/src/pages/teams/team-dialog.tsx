import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { DraftFields, draftOf, draftPaths, isComplete, metadataFrom } from "../../parts/draft.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { ownerRole, useRoles } from "../../parts/rank.ts";
import { useRequestId } from "../../parts/request-id.ts";
import { Checkbox, FieldSet } from "../../ui/field.tsx";
import { useToast } from "../../ui/toast.tsx";

const shown = [...draftPaths, "spec.roles"];

/** Makes a team, or changes one. */
export function TeamDialog({ team, onClose }: { team?: Team; onClose(): void }) {
  const toast = useToast();
  const requestId = useRequestId();
  const [draft, setDraft] = useState(() => draftOf(team));
  const [roles, setRoles] = useState<readonly string[]>(team?.spec?.roles ?? []);
  const create = useMutation(TeamService.method.createTeam);
  const update = useMutation(TeamService.method.updateTeam);
  const change = team ? update : create;
  function submit() {
    const metadata = metadataFrom(draft);
    const spec = { description: draft.description, roles: [...roles] };
    const onSuccess = () => {
      toast(team ? `The team “${metadata.name}” is changed.` : `The team “${metadata.name}” is created.`);
      onClose();
    };
    if (!team) return create.mutate({ metadata, spec, requestId }, { onSuccess });
    const updateMask = { paths: shown };
    update.mutate(
      { id: team.metadata?.id ?? "", metadata, spec, updateMask, etag: team.etag },
      { onSuccess },
    );
  }
  return (
    <FormDialog
      title={team ? `Edit the team “${team.metadata?.name}”` : "New team"}
      action={team ? "Save" : "Create team"}
      change={change}
      shown={shown}
      disabled={!isComplete(draft)}
      onSubmit={submit}
      onClose={onClose}
    >
      <DraftFields draft={draft} onChange={setDraft} error={change.error} placeholder="Platform">
        <TeamRoles value={roles} onChange={setRoles} error={violationsOf(change.error)["spec.roles"]} />
      </DraftFields>
    </FormDialog>
  );
}

function TeamRoles({
  value,
  onChange,
  error,
}: {
  value: readonly string[];
  onChange(roles: readonly string[]): void;
  error: string | undefined;
}) {
  const { all, offered } = useRoles();
  // A team keeps a role that the user may not give.
  const choices = all.filter(
    (role) =>
      role.metadata?.name !== ownerRole &&
      (offered.includes(role) || value.includes(role.metadata?.id ?? "")),
  );
  return (
    <FieldSet label="Roles" hint="All people and service accounts of the team hold them.">
      {choices.map(({ metadata, spec }) => {
        const id = metadata?.id ?? "";
        return (
          <Checkbox
            key={id}
            label={metadata?.name}
            hint={spec?.description}
            checked={value.includes(id)}
            onChange={(checked) => onChange(checked ? [...value, id] : value.filter((one) => one !== id))}
          />
        );
      })}
      {error && <p className="field-error">{error}</p>}
    </FieldSet>
  );
}
