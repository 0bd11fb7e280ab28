import type { ReactNode } from "react";
import { violationsOf } from "../errors.ts";
import { TextArea, TextField } from "../ui/field.tsx";
import { labelsText, parseLabels } from "./labels.ts";

/** The fields that every resource has, as a form holds them. */
export interface Draft {
  name: string;
  description: string;
  externalId: string;
  labels: string;
}

interface Resource {
  metadata?: { name: string; externalId: string; labels: Record<string, string> } | undefined;
  spec?: { description: string } | undefined;
}

/** Returns the draft of a resource, or an empty one for a new resource. */
export function draftOf({ metadata, spec }: Resource = {}): Draft {
  return {
    name: metadata?.name ?? "",
    description: spec?.description ?? "",
    externalId: metadata?.externalId ?? "",
    labels: labelsText(metadata?.labels),
  };
}

/** Returns the metadata of a draft for a request. */
export function metadataFrom(draft: Draft) {
  return {
    name: draft.name.trim(),
    externalId: draft.externalId.trim(),
    labels: parseLabels(draft.labels).labels,
  };
}

/** Returns whether a draft can be sent. */
export function isComplete(draft: Draft): boolean {
  return draft.name.trim() !== "" && parseLabels(draft.labels).error === undefined;
}

/** The paths of an update that sets all fields of a draft. */
export const draftPaths = [
  "metadata.name",
  "metadata.external_id",
  "metadata.labels",
  "spec.description",
] as const;

/** The fields of a draft. `children` are the fields of the resource itself. */
export function DraftFields({
  draft,
  onChange,
  error,
  placeholder,
  children,
}: {
  draft: Draft;
  onChange(draft: Draft): void;
  /** The error of the request, whose violations are shown beside the fields. */
  error: unknown;
  /** An example of a name. */
  placeholder?: string;
  children?: ReactNode;
}) {
  const violations = violationsOf(error);
  const field = (name: keyof Draft, path: string) => ({
    value: draft[name],
    onChange: (value: string) => onChange({ ...draft, [name]: value }),
    error: violations[path],
    autoComplete: "off",
  });
  const further = draft.externalId !== "" || draft.labels !== "";
  return (
    <>
      <TextField
        label="Name"
        {...field("name", "metadata.name")}
        placeholder={placeholder}
        maxLength={128}
        autoFocus
      />
      {children}
      <TextArea
        label="Description (optional)"
        rows={2}
        {...field("description", "spec.description")}
        maxLength={1024}
      />
      <details className="more" open={further}>
        <summary>External id and labels</summary>
        <TextField
          label="External id (optional)"
          hint="The id in your own system. It is unique in the account."
          {...field("externalId", "metadata.external_id")}
          maxLength={128}
        />
        <TextField
          label="Labels (optional)"
          hint="Such as env=prod, team=ai"
          {...field("labels", "metadata.labels")}
          error={violations["metadata.labels"] ?? parseLabels(draft.labels).error}
        />
      </details>
    </>
  );
}
