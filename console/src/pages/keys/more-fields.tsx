import { TextArea, TextField } from "../../ui/field.tsx";

/** The fields of a key that most keys do not need. */
export interface MoreValues {
  description: string;
  labels: string;
  externalId: string;
}

/** The fields that are folded away: description, labels and external id. */
export function MoreFields({
  value,
  errors,
  onChange,
  open = false,
}: {
  value: MoreValues;
  errors: Readonly<Record<string, string>>;
  onChange(part: Partial<MoreValues>): void;
  open?: boolean;
}) {
  const label =
    errors["metadata.labels"] ??
    Object.entries(errors).find(([path]) => path.startsWith("metadata.labels"))?.[1];
  const wrong = label ?? errors["spec.description"] ?? errors["metadata.external_id"];
  return (
    <details className="more" open={open || wrong !== undefined || undefined}>
      <summary>Description, labels and external id</summary>
      <TextArea
        label="Description"
        rows={2}
        maxLength={1024}
        error={errors["spec.description"]}
        value={value.description}
        onChange={(description) => onChange({ description })}
      />
      <TextField
        label="Key labels"
        hint="Separated by commas, such as env=prod, team=ai."
        autoComplete="off"
        spellCheck={false}
        error={label}
        value={value.labels}
        onChange={(labels) => onChange({ labels })}
      />
      <TextField
        label="External id"
        hint="The id of this key in your own system."
        autoComplete="off"
        spellCheck={false}
        maxLength={128}
        error={errors["metadata.external_id"]}
        value={value.externalId}
        onChange={(externalId) => onChange({ externalId })}
      />
    </details>
  );
}
