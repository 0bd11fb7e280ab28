import type { MessageInitShape } from "@bufbuild/protobuf";
import { type ApiKey, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { UpdateApiKeyRequestSchema } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import { labelsText, parseLabels } from "../../parts/labels.ts";
import { type Expiry, expiryOf, timeOf } from "./expiry-field.tsx";
import { idOf } from "./words.ts";

/** The fields of a key that the user may change. */
export interface Edit {
  name: string;
  description: string;
  labels: string;
  externalId: string;
  permissions: readonly string[];
  allWorkspaces: boolean;
  expiry: Expiry;
}

const paths: Record<keyof Edit, string> = {
  name: "metadata.name",
  labels: "metadata.labels",
  externalId: "metadata.external_id",
  description: "spec.description",
  permissions: "spec.permissions",
  allWorkspaces: "spec.workspace_scope",
  expiry: "spec.expires_at",
};

/** Returns the fields of a key as they are. */
export function editOf({ metadata, spec }: ApiKey): Edit {
  return {
    name: metadata?.name ?? "",
    description: spec?.description ?? "",
    labels: labelsText(metadata?.labels),
    externalId: metadata?.externalId ?? "",
    permissions: spec?.permissions ?? [],
    allWorkspaces: spec?.workspaceScope === WorkspaceScope.ALL,
    expiry: expiryOf(spec?.expiresAt),
  };
}

/** Returns the paths of the fields that differ from those of the key. */
export function maskOf(key: ApiKey, edit: Edit): string[] {
  const before = editOf(key);
  const fields = Object.keys(paths) as (keyof Edit)[];
  return fields
    .filter((field) => JSON.stringify(before[field]) !== JSON.stringify(edit[field]))
    .map((field) => paths[field]);
}

/** Returns the request that makes the changes. It fails if the key has changed since it was read. */
export function changesOf(
  key: ApiKey,
  edit: Edit,
  nowMs: number,
): MessageInitShape<typeof UpdateApiKeyRequestSchema> {
  const expiresAt = timeOf(edit.expiry, nowMs);
  return {
    id: idOf(key),
    etag: key.etag,
    updateMask: { paths: maskOf(key, edit) },
    metadata: {
      name: edit.name.trim(),
      labels: parseLabels(edit.labels).labels,
      externalId: edit.externalId.trim(),
    },
    spec: {
      description: edit.description.trim(),
      permissions: [...edit.permissions],
      workspaceScope: edit.allWorkspaces ? WorkspaceScope.ALL : WorkspaceScope.SELECTED,
      ...(expiresAt && { expiresAt }),
    },
  };
}
