import type { DescMessage } from "@bufbuild/protobuf";

const common = ["metadata.name", "metadata.labels", "metadata.external_id", "spec.description"] as const;

/** The fields that each update may change, by the name of its request message. */
export const changeable = {
  UpdateAccountRequest: common,
  UpdateApiKeyRequest: [
    ...common,
    "spec.permissions",
    "spec.workspace_scope",
    "spec.expires_at",
    "spec.rate_limits",
  ],
  UpdateRoleRequest: [...common, "spec.permissions"],
  UpdateServiceAccountRequest: [...common, "spec.team_id"],
  UpdateTeamRequest: [...common, "spec.roles"],
  UpdateWorkspaceRequest: common,
} as const;

const byName: Record<string, readonly string[]> = changeable;

/** Returns the fields that an update may change, or undefined if the message is no request of an update. */
export function changeableBy({ name }: DescMessage): readonly string[] | undefined {
  return Object.hasOwn(byName, name) ? byName[name] : undefined;
}
