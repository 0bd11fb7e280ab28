import { holdsIn, withoutPermissions, withPermissions } from "./permission-list.ts";

/** A resource with the verbs that a key may get. */
export interface PermissionRow {
  name: string;
  /** True for a resource of Latchkey itself. */
  own: boolean;
  verbs: readonly string[];
}

/** Boxes for the verbs of each resource. A box that another entry includes is checked and fixed. */
export function PermissionRows({
  rows,
  value,
  onChange,
}: {
  rows: readonly PermissionRow[];
  value: readonly string[];
  onChange(value: string[]): void;
}) {
  if (rows.length === 0) return <p className="quiet">You can give no permission on such a resource.</p>;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: the list scrolls, so the keyboard must reach it
    <section className="permission-rows" tabIndex={0} aria-label="Permissions by resource">
      {rows.map(({ name, verbs }) => (
        <fieldset key={name}>
          <legend>{name === "*" ? "Every resource" : <code>{name}</code>}</legend>
          {verbs.map((verb) => (
            <Verb key={verb} permission={`${name}:${verb}`} verb={verb} value={value} onChange={onChange} />
          ))}
        </fieldset>
      ))}
    </section>
  );
}

function Verb({
  permission,
  verb,
  value,
  onChange,
}: {
  permission: string;
  verb: string;
  value: readonly string[];
  onChange(value: string[]): void;
}) {
  const listed = value.includes(permission);
  const included = !listed && holdsIn(value, permission);
  return (
    <label className={included ? "verb included" : "verb"}>
      <input
        type="checkbox"
        aria-label={permission}
        checked={listed || included}
        disabled={included}
        onChange={() =>
          onChange(listed ? withoutPermissions(value, [permission]) : withPermissions(value, [permission]))
        }
      />
      {verb}
    </label>
  );
}
