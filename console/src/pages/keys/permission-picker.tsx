import { useQuery } from "@connectrpc/connect-query";
import { useState } from "react";
import type { PermissionPreset } from "../../../gen/latchkey/v1/permission_pb.ts";
import { type ListPermissionsResponse, RoleService } from "../../../gen/latchkey/v1/role_service_pb.ts";
import { useSession } from "../../session.ts";
import { TextField } from "../../ui/field.tsx";
import { Loaded } from "../../ui/loaded.tsx";
import { PastedPermissions } from "./pasted-permissions.tsx";
import { holdsIn, withoutPermissions, withPermissions } from "./permission-list.ts";
import { type PermissionRow, PermissionRows } from "./permission-rows.tsx";

interface PickerProps {
  /** The permissions, as the server stores them. */
  value: readonly string[];
  onChange(value: string[]): void;
}

/** Chooses permissions from the vocabulary of the deployment. It offers only what the caller holds. */
export function PermissionPicker({ value, onChange }: PickerProps) {
  const vocabulary = useQuery(
    RoleService.method.listPermissions,
    {},
    { staleTime: Number.POSITIVE_INFINITY },
  );
  return (
    <div className="picker">
      <Chosen value={value} onChange={onChange} />
      <Loaded query={vocabulary}>
        {(known) => <Vocabulary known={known} value={value} onChange={onChange} />}
      </Loaded>
    </div>
  );
}

function Vocabulary({ known, value, onChange }: PickerProps & { known: ListPermissionsResponse }) {
  const { can } = useSession();
  const [search, setSearch] = useState("");
  const rows = rowsOf(known, can).filter(({ name }) => name.includes(search.trim().toLowerCase()));
  const presets = known.presets.filter((preset) => preset.permissions.every((one) => can(one)));
  return (
    <>
      {presets.length > 0 && <Presets presets={presets} value={value} onChange={onChange} />}
      {(rows.filter((row) => !row.own).length > 8 || search !== "") && (
        <TextField
          label="Find a resource"
          type="search"
          autoComplete="off"
          value={search}
          onChange={setSearch}
        />
      )}
      <PermissionRows rows={rows.filter((row) => !row.own)} value={value} onChange={onChange} />
      <details className="own" open={search !== "" || undefined}>
        <summary>Latchkey itself: keys, workspaces, people, audit</summary>
        <PermissionRows rows={rows.filter((row) => row.own)} value={value} onChange={onChange} />
      </details>
      <PastedPermissions value={value} onChange={onChange} onlyKnown={known.onlyKnown} />
    </>
  );
}

function Presets({ presets, value, onChange }: PickerProps & { presets: readonly PermissionPreset[] }) {
  return (
    <fieldset className="chips">
      <legend className="hidden">Presets</legend>
      {presets.map(({ name, description, permissions }) => {
        const on = permissions.length > 0 && permissions.every((one) => holdsIn(value, one));
        return (
          <button
            key={name}
            type="button"
            className="chip"
            aria-pressed={on}
            title={description || permissions.join(", ")}
            onClick={() =>
              onChange(on ? withoutPermissions(value, permissions) : withPermissions(value, permissions))
            }
          >
            {name}
          </button>
        );
      })}
    </fieldset>
  );
}

function Chosen({ value, onChange }: PickerProps) {
  if (value.length === 0) return <p className="quiet">No permission chosen. An empty list allows nothing.</p>;
  return (
    <ul className="chosen" aria-label="Chosen permissions">
      {value.map((permission) => (
        <li key={permission}>
          <code>{permission}</code>
          <button
            type="button"
            aria-label={`Remove ${permission}`}
            onClick={() => onChange(value.filter((one) => one !== permission))}
          >
            ×
          </button>
        </li>
      ))}
    </ul>
  );
}

// The platform's resources first: keys rarely need those of Latchkey itself.
function rowsOf(known: ListPermissionsResponse, can: (permission: string) => boolean): PermissionRow[] {
  const held = (name: string, verbs: readonly string[]) => verbs.filter((verb) => can(`${name}:${verb}`));
  // Permissions on accounts have an effect only in the platform account.
  const resources = known.resources.filter(({ name }) => name !== "accounts");
  const rows = resources.map(({ name, verbs, latchkey }) => ({
    name,
    own: latchkey,
    verbs: held(name, [...verbs].sort(byRank)),
  }));
  const every = known.wildcards.flatMap(({ permission }) =>
    permission.startsWith("*:") ? [permission.slice(2)] : [],
  );
  const wildcard = {
    name: "*",
    own: false,
    verbs: held("*", every.filter((verb) => verb !== "*").sort(byRank)),
  };
  return [wildcard, ...rows].filter(({ verbs }) => verbs.length > 0);
}

const ranked = ["read", "write", "manage"];

function byRank(a: string, b: string): number {
  const [first, second] = [ranked.indexOf(a), ranked.indexOf(b)];
  return first >= 0 && second >= 0 ? first - second : second - first;
}
