import { useQuery } from "@connectrpc/connect-query";
import { ServiceAccountService } from "../../../gen/latchkey/v1/service_account_service_pb.ts";
import { TeamService } from "../../../gen/latchkey/v1/team_service_pb.ts";
import { useSession } from "../../session.ts";
import { Radios, Select, TextField } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import type { ServiceOwner } from "./draft.ts";

interface OwnerProps {
  keyName: string;
  owner: ServiceOwner;
  errors: Readonly<Record<string, string>>;
  onChange(owner: ServiceOwner): void;
}

const shown = 200;

/** The owner of a service key: a team gets a new service account in the same step, or one exists already. */
export function OwnerFields(props: OwnerProps) {
  const { owner, onChange } = props;
  const { can } = useSession();
  const mayMake = can("service_accounts:write") && can("teams:read");
  const mayChoose = can("service_accounts:read");
  const isNew = mayMake && (owner.isNew || !mayChoose);
  return (
    <>
      {mayMake && mayChoose && (
        <Radios
          label="Owner"
          value={owner.isNew ? "team" : "existing"}
          onChange={(choice) => onChange({ ...owner, isNew: choice === "team" })}
          choices={[
            {
              value: "team",
              label: "A team",
              hint: "Creates a service account of the team together with the key.",
            },
            { value: "existing", label: "An existing service account" },
          ]}
        />
      )}
      {isNew ? <NewOwner {...props} /> : <ExistingOwner {...props} />}
    </>
  );
}

function NewOwner({ keyName, owner, errors, onChange }: OwnerProps) {
  const teams = useQuery(TeamService.method.listTeams, { limit: shown });
  return (
    <Loaded query={teams}>
      {({ items }) => (
        <div className="fields">
          <Select
            label="Team"
            hint={
              items.length === 0
                ? "This account has no team yet. Create one on the page of the teams."
                : undefined
            }
            error={errors["service_account.team_id"]}
            value={owner.teamId}
            choices={[
              { value: "", label: "Choose a team" },
              ...items.map(({ metadata }) => ({ value: metadata?.id ?? "", label: metadata?.name ?? "" })),
            ]}
            onChange={(teamId) => onChange({ ...owner, isNew: true, teamId })}
          />
          <TextField
            label="Name of the service account"
            error={errors["service_account.name"]}
            placeholder={keyName}
            autoComplete="off"
            maxLength={128}
            value={owner.name}
            onChange={(name) => onChange({ ...owner, isNew: true, name })}
          />
        </div>
      )}
    </Loaded>
  );
}

function ExistingOwner({ owner, errors, onChange }: OwnerProps) {
  const accounts = useQuery(ServiceAccountService.method.listServiceAccounts, { limit: shown });
  return (
    <Loaded query={accounts}>
      {({ items }) => (
        <Select
          label="Service account"
          error={errors["spec.service_account_id"]}
          value={owner.serviceAccountId}
          choices={[
            { value: "", label: "Choose a service account" },
            ...items.map(({ metadata }) => ({ value: metadata?.id ?? "", label: metadata?.name ?? "" })),
          ]}
          onChange={(serviceAccountId) => onChange({ ...owner, isNew: false, serviceAccountId })}
        />
      )}
    </Loaded>
  );
}
