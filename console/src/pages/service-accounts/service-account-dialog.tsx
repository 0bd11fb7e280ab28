import { useMutation } from "@connectrpc/connect-query";
import { useState } from "react";
import { Link } from "wouter";
import type { ServiceAccount } from "../../../gen/latchkey/v1/service_account_pb.ts";
import { ServiceAccountService } from "../../../gen/latchkey/v1/service_account_service_pb.ts";
import { violationsOf } from "../../errors.ts";
import { DraftFields, draftOf, draftPaths, isComplete, metadataFrom } from "../../parts/draft.tsx";
import { FormDialog } from "../../parts/form-dialog.tsx";
import { useRequestId } from "../../parts/request-id.ts";
import { Banner } from "../../ui/banner.tsx";
import { Select } from "../../ui/field.tsx";
import { useToast } from "../../ui/toast.tsx";
import { useTeams } from "./use-teams.ts";

const shown = [...draftPaths, "spec.team_id"];

/** Makes a service account, or changes one and moves it to another team. */
export function ServiceAccountDialog({ account, onClose }: { account?: ServiceAccount; onClose(): void }) {
  const toast = useToast();
  const requestId = useRequestId();
  const teams = useTeams();
  const [draft, setDraft] = useState(() => draftOf(account));
  const [teamId, setTeamId] = useState(account?.spec?.teamId ?? "");
  const create = useMutation(ServiceAccountService.method.createServiceAccount);
  const update = useMutation(ServiceAccountService.method.updateServiceAccount);
  const change = account ? update : create;
  function submit() {
    const metadata = metadataFrom(draft);
    const spec = { description: draft.description, teamId };
    const onSuccess = () => {
      toast(`The service account “${metadata.name}” is ${account ? "changed" : "created"}.`);
      onClose();
    };
    if (!account) return create.mutate({ metadata, spec, requestId }, { onSuccess });
    const updateMask = { paths: shown };
    update.mutate(
      { id: account.metadata?.id ?? "", metadata, spec, updateMask, etag: account.etag },
      { onSuccess },
    );
  }
  const choices = teams.all.map(({ metadata }) => ({
    value: metadata?.id ?? "",
    label: metadata?.name ?? "",
  }));
  return (
    <FormDialog
      title={account ? `Edit the service account “${account.metadata?.name}”` : "New service account"}
      action={account ? "Save" : "Create service account"}
      change={change}
      shown={shown}
      disabled={!isComplete(draft) || teamId === ""}
      onSubmit={submit}
      onClose={onClose}
    >
      <DraftFields draft={draft} onChange={setDraft} error={change.error} placeholder="Nightly build">
        {teams.loaded && choices.length === 0 ? (
          <Banner tone="warning">
            A service account belongs to a team, and there is none yet.{" "}
            <Link to="/teams">Make a team first.</Link>
          </Banner>
        ) : (
          <Select
            label="Team"
            hint={
              account
                ? "A move changes at once what its keys may do."
                : "The service account holds the roles of its team."
            }
            value={teamId}
            onChange={setTeamId}
            error={violationsOf(change.error)["spec.team_id"]}
            choices={[...(teamId === "" ? [{ value: "", label: "Choose a team" }] : []), ...choices]}
          />
        )}
      </DraftFields>
    </FormDialog>
  );
}
