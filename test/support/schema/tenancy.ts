import type { DescMessage } from "@bufbuild/protobuf";
import { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import { Verdict } from "../../../gen/latchkey/v1/verdict_pb.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";

/** The ids of resources of one account. */
export interface Ids {
  account: string;
  key: string;
  workspace: string;
  profile: string;
  role: string;
  team: string;
  serviceAccount: string;
  invite: string;
  session: string;
}

/** A test of one id in a request. `request` returns a request with this id in one place, and own ids in all others. */
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
const account = (request: TenancyCase["request"] = (accountId) => ({ accountId })): TenancyCase => ({
  kind: "account",
  request,
});
const role = (request: TenancyCase["request"] = (id) => ({ id })): TenancyCase => ({ kind: "role", request });
const team = (request: TenancyCase["request"] = (id) => ({ id })): TenancyCase => ({ kind: "team", request });
const serviceAccount = (request: TenancyCase["request"] = (id) => ({ id })): TenancyCase => ({
  kind: "serviceAccount",
  request,
});
const metadata = { name: "taken over" };

/** Every field of every request that contains an id. `test/rpc/schema.test.ts` fails if one is missing. */
export const tenancy: Record<string, TenancyCase> = {
  "ApiKeyService/CreateApiKey initial_workspace_ids": workspace((id) => ({
    metadata: { name: "x" },
    initialWorkspaceIds: [id],
  })),
  "ApiKeyService/CreateApiKey spec.service_account_id": serviceAccount((serviceAccountId) => ({
    metadata: { name: "x" },
    spec: { kind: ApiKeyKind.SERVICE, serviceAccountId },
  })),
  "ApiKeyService/CreateApiKey service_account.team_id": team((teamId) => ({
    metadata: { name: "x" },
    spec: { kind: ApiKeyKind.SERVICE },
    serviceAccount: { name: "x", teamId },
  })),
  "ApiKeyService/GetApiKey id": key(),
  "ApiKeyService/UpdateApiKey id": key((id) => ({ id, metadata })),
  "ApiKeyService/UpdateApiKey spec.service_account_id": serviceAccount((serviceAccountId, own) => ({
    id: own.key,
    spec: { serviceAccountId },
  })),
  "ApiKeyService/RevokeApiKey id": key(),
  "ApiKeyService/RevokeApiKeys filter.created_by": profile((createdBy) => ({ filter: { createdBy } })),
  "ApiKeyService/RevokeApiKeys filter.minted_by_key_id": key((mintedByKeyId) => ({
    filter: { mintedByKeyId },
  })),
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
  "AccountService/UpdateAccount id": account((id) => ({ id, metadata })),
  "AccountService/InviteFirstOwner account_id": account((accountId) => ({
    accountId,
    email: "first@example.com",
  })),
  "AccountService/SetEntitlements account_id": account((accountId) => ({
    accountId,
    entitlements: ["realtime"],
  })),
  "AccountService/SetRateLimits account_id": account((accountId) => ({
    accountId,
    rateLimits: [{ name: "minute", limit: 100, period: { seconds: 60n } }],
  })),
  "AccountService/SetCredits account_id": account((accountId) => ({ accountId, credits: { remaining: 1 } })),
  "AccountService/SetCredits key_id": key((keyId, { account: accountId }) => ({
    accountId,
    keyId,
    credits: { remaining: 1 },
  })),
  "AccountService/AddCredits account_id": account((accountId) => ({ accountId, amount: 1 })),
  "AccountService/AddCredits key_id": key((keyId, { account: accountId }) => ({
    accountId,
    keyId,
    amount: 1,
  })),
  "AccountService/RemoveCredits account_id": account(),
  "AccountService/RemoveCredits key_id": key((keyId, { account: accountId }) => ({ accountId, keyId })),
  "AccountService/SuspendAccount account_id": account(),
  "AccountService/ResumeAccount account_id": account(),
  "WorkspaceAdminService/GetWorkspace workspace_id": workspace(),
  "WorkspaceAdminService/UpdateWorkspace workspace_id": workspace((workspaceId) => ({
    workspaceId,
    metadata,
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
  "WorkspaceAdminService/AddWorkspaceMember role": role((id, own) => ({
    workspaceId: own.workspace,
    email: "somebody@example.com",
    role: id,
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
  "UsageService/GetUsage key_id": key((keyId) => ({ keyId })),
  "UsageService/ReportUsage items.token_id": key((tokenId, own) => ({
    batchId: "tenancy",
    items: [{ keyId: own.key, tokenId, verdict: Verdict.VALID, count: 1 }],
  })),
  "UsageService/ReportUsage items.key_id": key((keyId) => ({
    batchId: "tenancy",
    items: [{ keyId, verdict: Verdict.VALID, count: 1 }],
  })),
  "AuditService/ListAuditEvents resource_id": key((resourceId) => ({ resourceId })),
  "AuditService/ListAuditEvents profile_id": profile((profileId) => ({ profileId })),
  "AuditService/ListAuditEvents key_id": key((keyId) => ({ keyId })),
  "ProfileService/GetProfile id": profile((id) => ({ id })),
  "ProfileService/RemoveProfile id": profile((id) => ({ id })),
  "ProfileService/SetProfileRole id": profile((id) => ({ id, role: "viewer" })),
  "ProfileService/SetProfileRole role": role((id, own) => ({ id: own.profile, role: id })),
  "SessionService/RevokeSession id": { kind: "session", request: (id) => ({ id }) },
  "SessionService/CreateEmbedSession workspace_ids": workspace((id) => ({ workspaceIds: [id] })),
  "InviteService/CreateInvite role": role((id) => ({ email: "somebody@example.com", role: id })),
  "InviteService/CreateInvite workspace_ids": workspace((id) => ({
    email: "somebody@example.com",
    role: "viewer",
    workspaceIds: [id],
  })),
  "InviteService/RevokeInvite id": { kind: "invite", request: (id) => ({ id }) },
  "InviteService/AcceptInvite id": {
    kind: "invite",
    request: (id) => ({ id, token: mintToken("lk", "inv", id).token }),
  },
  "TeamService/CreateTeam spec.roles": role((id) => ({ metadata, spec: { roles: [id] } })),
  "TeamService/GetTeam id": team(),
  "TeamService/UpdateTeam id": team((id) => ({ id, metadata })),
  "TeamService/UpdateTeam spec.roles": role((id, own) => ({ id: own.team, spec: { roles: [id] } })),
  "TeamService/DeleteTeam id": team((id, own) => ({ id, replacement: own.team })),
  "TeamService/DeleteTeam replacement": team((replacement, own) => ({ id: own.team, replacement })),
  "TeamService/ListTeamMembers id": team(),
  "TeamService/AddTeamMember id": team((id, own) => ({ id, profileId: own.profile })),
  "TeamService/AddTeamMember profile_id": profile((profileId, own) => ({ id: own.team, profileId })),
  "TeamService/RemoveTeamMember id": team((id, own) => ({ id, profileId: own.profile })),
  "TeamService/RemoveTeamMember profile_id": profile((profileId, own) => ({ id: own.team, profileId })),
  "RoleService/GetRole id": role(),
  "RoleService/UpdateRole id": role((id) => ({ id, metadata, spec: { permissions: ["agents:read"] } })),
  "RoleService/DeleteRole id": role((id) => ({ id, replacement: "viewer" })),
  "RoleService/DeleteRole replacement": role((replacement, own) => ({ id: own.role, replacement })),
  "ServiceAccountService/CreateServiceAccount spec.team_id": team((teamId) => ({
    metadata,
    spec: { teamId },
  })),
  "ServiceAccountService/GetServiceAccount id": serviceAccount(),
  "ServiceAccountService/UpdateServiceAccount id": serviceAccount((id) => ({ id, metadata })),
  "ServiceAccountService/UpdateServiceAccount spec.team_id": team((teamId, own) => ({
    id: own.serviceAccount,
    spec: { teamId },
  })),
  "ServiceAccountService/DeleteServiceAccount id": serviceAccount(),
};

// Ids that the client chooses. They identify no resource of Latchkey.
const clientsOwn = ["external_id", "request_id", "batch_id"];
// Messages that only the server writes. They are output only in every request.
const outputOnly = ["latchkey.v1.AccountResourceMetadata"];

/** Returns the paths of the fields of a request that contain ids of resources, or names in place of ids. */
export function idPaths(schema: DescMessage): string[] {
  return schema.fields.flatMap((field) => {
    if (/^(id|created_by|.*_ids?|roles?|replacement)$/.test(field.name))
      return clientsOwn.includes(field.name) ? [] : [field.name];
    const inner = field.message;
    if (!inner || inner.typeName.startsWith("google.") || outputOnly.includes(inner.typeName)) return [];
    return idPaths(inner).map((path) => `${field.name}.${path}`);
  });
}
