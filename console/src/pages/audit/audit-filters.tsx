import { useState } from "react";
import { ProfileType } from "../../../gen/latchkey/v1/profile_pb.ts";
import { ProfilePicker } from "../../parts/profile-picker.tsx";
import { useSession } from "../../session.ts";
import { Button } from "../../ui/button.tsx";
import { Dialog } from "../../ui/dialog.tsx";
import { Select, TextField } from "../../ui/field.tsx";
import { Toolbar } from "../../ui/layout.tsx";
import { wordsOfCall } from "./call-words.ts";
import { changingCalls } from "./changing-calls.ts";
import type { Names } from "./event.ts";
import { type AuditFilter, isFiltered } from "./filter.ts";

interface Props {
  filter: AuditFilter;
  onChange(filter: AuditFilter): void;
}

/** The filters of the audit log. */
export function AuditFilters({
  filter,
  names,
  onChange,
  onClear,
}: Props & { names: Names; onClear(): void }) {
  const set = (part: Partial<AuditFilter>) => onChange({ ...filter, ...part });
  return (
    <div className="audit-filters">
      <Toolbar>
        <Select
          label="About"
          value={filter.type}
          onChange={(type) => set({ type })}
          choices={[{ value: "", label: "Everything" }, ...typeChoices]}
        />
        <Select
          label="What happened"
          value={filter.method}
          onChange={(method) => set({ method })}
          choices={[{ value: "", label: "Anything" }, ...methodChoices(filter.method)]}
        />
        <TextField label="From" type="date" value={filter.from} onChange={(from) => set({ from })} />
        <TextField label="To" type="date" value={filter.to} onChange={(to) => set({ to })} />
        <Actor filter={filter} onChange={onChange} />
      </Toolbar>
      {isFiltered(filter) && (
        <ul className="tags" aria-label="Filters">
          <Chip label="Who" value={filter.profile} names={names} onRemove={() => set({ profile: "" })} />
          <Chip label="With the key" value={filter.key} names={names} onRemove={() => set({ key: "" })} />
          <Chip label="About" value={filter.resource} names={names} onRemove={() => set({ resource: "" })} />
          <li>
            <Button size="small" variant="ghost" onClick={onClear}>
              Clear the filters
            </Button>
          </li>
        </ul>
      )}
    </div>
  );
}

function Chip({
  label,
  value,
  names,
  onRemove,
}: {
  label: string;
  value: string;
  names: Names;
  onRemove(): void;
}) {
  if (value === "") return null;
  const name = names[value] ?? value;
  return (
    <li>
      {label} <strong>{name}</strong>
      <Button
        size="small"
        variant="ghost"
        icon="close"
        aria-label={`Remove the filter ${label} ${name}`}
        onClick={onRemove}
      />
    </li>
  );
}

const actors = [ProfileType.USER, ProfileType.SERVICE_ACCOUNT, ProfileType.API_KEY];

function Actor({ filter, onChange }: Props) {
  const { can } = useSession();
  const [open, setOpen] = useState(false);
  const [profile, setProfile] = useState(filter.profile);
  if (!can("profiles:read")) return null;
  function apply() {
    onChange({ ...filter, profile });
    setOpen(false);
  }
  return (
    <>
      <Button icon="people" onClick={() => setOpen(true)}>
        Who
      </Button>
      {open && (
        <Dialog
          title="Whose actions?"
          onClose={() => setOpen(false)}
          footer={
            <Button variant="primary" disabled={profile === ""} onClick={apply}>
              Show their actions
            </Button>
          }
        >
          <ProfilePicker label="Actor" types={actors} value={profile} onChange={setProfile} />
        </Dialog>
      )}
    </>
  );
}

const typeChoices = [
  { value: "api_key", label: "Keys" },
  { value: "workspace", label: "Workspaces" },
  { value: "profile", label: "People" },
  { value: "invite", label: "Invites" },
  { value: "team", label: "Teams" },
  { value: "role", label: "Roles" },
  { value: "service_account", label: "Service accounts" },
  { value: "session", label: "Sessions" },
  { value: "embed_session", label: "Sessions of embedded pages" },
  { value: "user", label: "Passwords and e-mail addresses" },
  { value: "account", label: "The account" },
];

// The calls that change something, and the signals. A link may name another method.
function methodChoices(chosen: string): { value: string; label: string }[] {
  const calls = Object.entries(changingCalls).flatMap(([service, names]) =>
    names.split(" ").map((name) => choiceOf(`latchkey.v1.${service}/${name}`)),
  );
  const all = [
    ...calls.sort((a, b) => a.label.localeCompare(b.label)),
    { value: "key_used_from_new_network", label: "A key was used from a new network" },
    { value: "key_used_after_pause", label: "A key was used after a long pause" },
  ];
  return chosen === "" || all.some(({ value }) => value === chosen) ? all : [choiceOf(chosen), ...all];
}

function choiceOf(method: string) {
  const words = wordsOfCall(method);
  return { value: method, label: `${words[0]?.toUpperCase()}${words.slice(1)}` };
}
