import type { MessageInitShape } from "@bufbuild/protobuf";
import { Environment, WorkspaceScope } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { CreateApiKeyRequestSchema } from "../../../gen/latchkey/v1/api_key_service_pb.ts";
import type { Principal } from "../../../gen/latchkey/v1/principal_pb.ts";
import { parseLabels } from "../../parts/labels.ts";
import { type Expiry, never, timeOf } from "./expiry-field.tsx";
import { type EnvironmentName, environments, type KindName, kinds } from "./filter.ts";

/** A key that the user is about to create. */
export interface Draft {
  kind: KindName;
  name: string;
  description: string;
  labels: string;
  externalId: string;
  environment: EnvironmentName;
  /** True if the key may do everything that its owner may do. */
  everything: boolean;
  permissions: readonly string[];
  allWorkspaces: boolean;
  workspaceIds: readonly string[];
  expiry: Expiry;
  owner: ServiceOwner;
}

/** The owner of a service key: a service account that exists, or a new one of a team. */
export interface ServiceOwner {
  isNew: boolean;
  serviceAccountId: string;
  teamId: string;
  /** The name of the new service account. Empty: the name of the key. */
  name: string;
}

/** Returns an empty draft of a kind, with nothing that the caller could not give. */
export function emptyDraft(kind: KindName, principal: Principal): Draft {
  return {
    kind,
    name: "",
    description: "",
    labels: "",
    externalId: "",
    environment: principal.environment === Environment.TEST ? "test" : "live",
    everything: true,
    permissions: [],
    allWorkspaces: isEverywhere(kind, principal),
    workspaceIds: [],
    expiry: never,
    owner: { isNew: true, serviceAccountId: "", teamId: "", name: "" },
  };
}

/** Returns whether a new key of a kind may enter all workspaces unless the user chooses some. */
export function isEverywhere(kind: KindName, { workspaceScope }: Principal): boolean {
  return kind === "developer" || (kind === "service" && workspaceScope === WorkspaceScope.ALL);
}

/** Returns the request that creates the key of a draft. `requestId` is the same for a repeat. */
export function requestOf(
  draft: Draft,
  requestId: string,
  nowMs: number,
): MessageInitShape<typeof CreateApiKeyRequestSchema> {
  const { kind, owner } = draft;
  const expiresAt = timeOf(draft.expiry, nowMs);
  const service = kind === "service";
  return {
    requestId,
    metadata: {
      name: draft.name.trim(),
      labels: parseLabels(draft.labels).labels,
      externalId: draft.externalId.trim(),
    },
    spec: {
      kind: kinds[kind],
      description: draft.description.trim(),
      ...(kind === "application" && { environment: environments[draft.environment] }),
      permissions: kind !== "application" && draft.everything ? [] : [...draft.permissions],
      workspaceScope: draft.allWorkspaces ? WorkspaceScope.ALL : WorkspaceScope.SELECTED,
      ...(expiresAt && { expiresAt }),
      ...(service && !owner.isNew && { serviceAccountId: owner.serviceAccountId }),
    },
    initialWorkspaceIds: draft.allWorkspaces ? [] : [...draft.workspaceIds],
    ...(service &&
      owner.isNew && {
        serviceAccount: { name: owner.name.trim() || draft.name.trim(), teamId: owner.teamId },
      }),
  };
}
