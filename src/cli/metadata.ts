import { randomUUID } from "node:crypto";
import type { AccountResourceMetadata } from "../../gen/latchkey/v1/resource_pb.ts";
import type { Option } from "./definition.ts";
import { usageError } from "./failure.ts";
import { labelsText, timeText } from "./text.ts";
import { labelsOf } from "./values.ts";

/** The options of every command that makes a resource. */
export const metadataOptions = {
  description: { value: "TEXT", summary: "description, up to 1,024 characters" },
  label: { value: "NAME=VALUE", many: true, summary: "label of the resource" },
  "external-id": { value: "ID", summary: "id of the resource in your own system" },
} as const satisfies Record<string, Option>;

/** The option with the name of a new resource. */
export const newName = { value: "NAME", required: true, summary: "display name" } as const satisfies Option;

/** The values that `--clear` can name for every resource. */
export const clearable = ["description", "labels", "external-id"] as const;

/** The options of every command that changes a resource. */
export const changeOptions = {
  name: { value: "NAME", summary: "new name" },
  ...metadataOptions,
  label: { value: "NAME=VALUE", many: true, summary: "label; the labels replace all earlier ones" },
  clear: { value: "FIELD", many: true, choices: clearable, summary: "make a field empty" },
  etag: { value: "ETAG", summary: "fail if the resource has changed since it had this etag" },
} as const satisfies Record<string, Option>;

/** The options of every list whose items have names and labels. */
export const filterOptions = {
  query: { value: "TEXT", summary: "only those whose name contains this text" },
  label: { value: "NAME=VALUE", many: true, summary: "only those with this label" },
  prefix: { value: "TEXT", summary: "only those whose id begins with this text" },
  "external-id": { value: "ID", summary: "only the one with this external id" },
} as const satisfies Record<string, Option>;

/** What the options above are, once they are read. */
interface GivenMetadata {
  readonly description: string | undefined;
  readonly label: readonly string[];
  readonly "external-id": string | undefined;
}

interface GivenChange extends GivenMetadata {
  readonly name: string | undefined;
  readonly clear: readonly string[];
  readonly etag: string | undefined;
}

interface GivenFilter {
  readonly query: string | undefined;
  readonly label: readonly string[];
  readonly prefix: string | undefined;
  readonly "external-id": string | undefined;
  readonly sort: string | undefined;
}

/** Returns the fields of a request that filters a list. */
export function filterOf({
  query = "",
  label,
  prefix = "",
  "external-id": externalId = "",
  sort = "",
}: GivenFilter) {
  return { query, labels: label.join(","), prefix, externalId, sortOrder: sort };
}

/** Returns the `metadata` of a new resource. */
export function metadataOf(name: string, { label, "external-id": externalId = "" }: GivenMetadata) {
  return { name, labels: labelsOf(label), externalId };
}

/** Returns an id for a request that makes a resource, so that a repeat after a lost response makes no second one. */
export function newRequestId(): string {
  return randomUUID();
}

/** The part of an update that every resource has. Other fields of `spec` are added to it and to the mask. */
export interface Change {
  metadata: { name: string; labels: Record<string, string>; externalId: string };
  spec: { description: string };
  updateMask: { paths: string[] };
  etag: string;
}

/** Returns the update that the options describe. `more` has the paths of further fields that the caller sets. */
export function changeOf(given: GivenChange, more: readonly (string | false)[] = []): Change {
  const { name, description, label, "external-id": externalId, clear, etag = "" } = given;
  const set: [path: string, isSet: boolean, cleared: string][] = [
    ["metadata.name", name !== undefined, ""],
    ["metadata.labels", label.length > 0, "labels"],
    ["metadata.external_id", externalId !== undefined, "external-id"],
    ["spec.description", description !== undefined, "description"],
  ];
  for (const [, isSet, cleared] of set) {
    if (isSet && clear.includes(cleared)) throw usageError(`${cleared} is both set and in --clear`);
  }
  const own = set.filter(([, isSet, cleared]) => isSet || clear.includes(cleared)).map(([path]) => path);
  const paths = [...own, ...more.filter((path) => path !== false)];
  if (paths.length === 0) throw usageError("nothing to change: name a field to set or to clear");
  return {
    metadata: { name: name ?? "", labels: labelsOf(label), externalId: externalId ?? "" },
    spec: { description: description ?? "" },
    updateMask: { paths },
    etag,
  };
}

/** Returns the fields of a resource that every kind has, to show. The id and the name come first. */
export function metadataFields(metadata: AccountResourceMetadata | undefined): [string, string][] {
  return [
    ["id", metadata?.id ?? ""],
    ["name", metadata?.name ?? ""],
    ["labels", labelsText(metadata?.labels)],
    ["external id", metadata?.externalId ?? ""],
    ["made", timeText(metadata?.createdAt)],
  ];
}

/** Returns the columns that every list of resources has: id, name and labels. */
export function metadataColumns<T extends { metadata?: AccountResourceMetadata | undefined }>() {
  return {
    id: { title: "id", value: ({ metadata }: T) => metadata?.id ?? "" },
    name: { title: "name", value: ({ metadata }: T) => metadata?.name ?? "" },
    labels: { title: "labels", extra: true, value: ({ metadata }: T) => labelsText(metadata?.labels) },
  };
}

/** Returns the id of a resource. */
export function idOf({ metadata }: { metadata?: AccountResourceMetadata | undefined }): string {
  return metadata?.id ?? "";
}
