import { useMutation, useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { Team } from "../../../gen/latchkey/v1/team_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { Confirm } from "../../ui/confirm.tsx";
import { Select } from "../../ui/field.tsx";
import { useToast } from "../../ui/toast.tsx";

/** Asks before a team is deleted, and which team gets its service accounts. */
export function DeleteTeam({ team, onClose, onDone }: { team: Team; onClose(): void; onDone?(): void }) {
  const toast = useToast();
  const [replacement, setReplacement] = useState("");
  const { data } = useQuery(TeamService.method.listTeams, { limit: 200, sortOrder: "asc" });
  const remove = useMutation(TeamService.method.deleteTeam);
  const { id = "", name = "" } = team.metadata ?? {};
  const others = (data?.items ?? []).filter(({ metadata }) => metadata?.id !== id);
  const choices = others.map(({ metadata }) => ({ value: metadata?.id ?? "", label: metadata?.name ?? "" }));
  return (
    <Confirm
      title={`Delete the team “${name}”?`}
      action="Delete team"
      onConfirm={async () => {
        await remove.mutateAsync({ id, replacement });
        toast(`The team “${name}” is deleted.`);
        onDone?.();
      }}
      onClose={onClose}
    >
      <p>
        Its {count(team.info?.membersTotal ?? 0, "person", "people")} lose its roles at once. Its service
        accounts need another team.
      </p>
      <Select
        label="Its service accounts move to"
        value={replacement}
        onChange={setReplacement}
        choices={[{ value: "", label: "No team: delete it only if it has none" }, ...choices]}
      />
    </Confirm>
  );
}

function count(n: number, one: string, many: string): string {
  return `${n} ${n === 1 ? one : many}`;
}
