import type { DescMessage } from "@bufbuild/protobuf";
import { ApiKeyKind } from "../../gen/latchkey/v1/api_key_pb.ts";

/** Ids of one account, by what they name. */
export interface Ids {
  account: string;
  key: string;
  workspace: string;
  profile: string;
}

/** How an RPC is asked about an id: which kind of id, and a request with it in its place and the caller's own in all others. */
export interface TenancyCase {
  kind: keyof Ids;
  request(id: string, own: Ids & { token: string }): object;
}

const key = (request: TenancyCase["request"] = (id) => ({ id })): TenancyCase => ({ kind: "key", request });
const workspace = (request: TenancyCase["request"] = (workspaceId) => ({ workspaceId })): TenancyCase => ({
  kind: "workspace",
  request,
});
const profile = (request: TenancyCase["request"]): TenancyCase => ({ kind: "profile", request });
const account = (request: TenancyCase["request"]): TenancyCase => ({ kind: "account", request });

/** Every place in every request where an id can stand. `test/schema.test.ts` fails where one is missing. */
export const tenancy: Record<string, TenancyCase> = {
  "ApiKeyService/CreateApiKey initial_workspace_ids": workspace((id) => ({
    metadata: { name: "x" },
    initialWorkspaceIds: [id],
  })),
  // No such kind of id yet: any will do.
  "ApiKeyService/CreateApiKey spec.service_account_id": profile((serviceAccountId) => ({
    metadata: { name: "x" },
    spec: { kind: ApiKeyKind.SERVICE, serviceAccountId },
  })),
  "ApiKeyService/GetApiKey id": key(),
  "ApiKeyService/UpdateApiKey id": key((id) => ({ id, metadata: { name: "taken over" } })),
  "ApiKeyService/UpdateApiKey spec.service_account_id": profile((serviceAccountId, own) => ({
    id: own.key,
    spec: { serviceAccountId },
  })),
  "ApiKeyService/RevokeApiKey id": key(),
  "ApiKeyService/RotateApiKey id": key((id) => ({ id, gracePeriod: { seconds: 60n } })),
  "ApiKeyService/DisableApiKey id": key(),
  "ApiKeyService/EnableApiKey id": key(),
  "ApiKeyService/AddApiKeyWorkspace id": key((id, own) => ({ id, workspaceId: own.workspace })),
  "ApiKeyService/AddApiKeyWorkspace workspace_id": workspace((workspaceId, own) => ({
    id: own.key,
    workspaceId,
  })),
  "ApiKeyService/RemoveApiKeyWorkspace id": key((id, own) => ({ id, workspaceId: own.workspace })),
  "ApiKeyService/RemoveApiKeyWorkspace workspace_id": workspace((workspaceId, own) => ({
    id: own.key,
    workspaceId,
  })),
  "ApiKeyService/ListApiKeyWorkspaces id": key(),
  "AccountService/UpdateAccount id": account((id) => ({ id, metadata: { name: "taken over" } })),
  "WorkspaceAdminService/GetWorkspace workspace_id": workspace(),
  "WorkspaceAdminService/UpdateWorkspace workspace_id": workspace((workspaceId) => ({
    workspaceId,
    metadata: { name: "taken over" },
  })),
  "WorkspaceAdminService/ArchiveWorkspace workspace_id": workspace(),
  "WorkspaceAdminService/ListWorkspaceMembers workspace_id": workspace(),
  "WorkspaceAdminService/AddWorkspaceMember workspace_id": workspace((workspaceId, own) => ({
    workspaceId,
    profileId: own.profile,
  })),
  "WorkspaceAdminService/AddWorkspaceMember profile_id": profile((profileId, own) => ({
    workspaceId: own.workspace,
    profileId,
  })),
  "WorkspaceAdminService/RemoveWorkspaceMember workspace_id": workspace((workspaceId, own) => ({
    workspaceId,
    profileId: own.profile,
  })),
  "WorkspaceAdminService/RemoveWorkspaceMember profile_id": profile((profileId, own) => ({
    workspaceId: own.workspace,
    profileId,
  })),
  "TokenService/VerifyToken account_id": account((accountId, { token }) => ({ token, accountId })),
  "TokenService/VerifyToken workspace_id": workspace((workspaceId, { token }) => ({ token, workspaceId })),
  "TokenService/BatchVerifyTokens requests.account_id": account((accountId, { token }) => ({
    requests: [{ token, accountId }],
  })),
  "TokenService/BatchVerifyTokens requests.workspace_id": workspace((workspaceId, { token }) => ({
    requests: [{ token, workspaceId, dryRun: true }],
  })),
  "AuditService/ListAuditEvents resource_id": key((resourceId) => ({ resourceId })),
  "AuditService/ListAuditEvents profile_id": profile((profileId) => ({ profileId })),
  "AuditService/ListAuditEvents key_id": key((keyId) => ({ keyId })),
};

// Names that a client gives, which name nothing here.
const clientsOwn = ["external_id", "request_id"];
// What the server says of a resource: output only in every request.
const outputOnly = ["latchkey.v1.AccountResourceMetadata"];

/** The fields of a request that hold ids of ours, by their paths. */
export function idPaths(schema: DescMessage): string[] {
  return schema.fields.flatMap((field) => {
    if (/^(id|.*_ids?)$/.test(field.name)) return clientsOwn.includes(field.name) ? [] : [field.name];
    const inner = field.message;
    if (!inner || inner.typeName.startsWith("google.") || outputOnly.includes(inner.typeName)) return [];
    return idPaths(inner).map((path) => `${field.name}.${path}`);
  });
}
