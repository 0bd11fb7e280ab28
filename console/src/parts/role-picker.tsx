import type { Role } from "../../gen/latchkey/v1/role_pb.ts";
import { Radios } from "../ui/field.tsx";
import { useRoles } from "./rank.ts";

/** A choice among the roles that the user may give. */
export function RolePicker({
  value,
  onChange,
  error,
}: {
  /** The id of the role. */
  value: string;
  onChange(id: string): void;
  error?: string | undefined;
}) {
  const { offered } = useRoles();
  return (
    <>
      <Radios label="Role" value={value} onChange={onChange} choices={offered.map(choiceOf)} />
      {error && <p className="field-error">{error}</p>}
      <p className="hint">A person also holds the roles of their teams.</p>
    </>
  );
}

const builtin: Readonly<Record<string, string>> = {
  owner: "Everything, and the only role that makes and removes owners",
  admin: "Everything, except owners",
  developer: "Works with the product and its API keys",
  viewer: "Reads everything, changes nothing",
};

function choiceOf({ metadata, spec }: Role) {
  const { id = "", name = "" } = metadata ?? {};
  const hint =
    (spec?.builtin && builtin[name]) || spec?.description || spec?.permissions.slice(0, 6).join(", ");
  return { value: id, label: name, hint };
}
