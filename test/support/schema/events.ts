/** An event of a change: the type of its resource, and the names of the fields that it has before and after. */
export interface ChangeEvent {
  type: string;
  before?: readonly string[];
  after?: readonly string[];
}

const texts = ["name", "description", "labels", "external_id"];
const made = (type: string, ...fields: string[]): ChangeEvent[] => [{ type, after: fields }];
const ended = (type: string, ...fields: string[]): ChangeEvent[] => [{ type, before: fields }];
const edited = (type: string, ...fields: string[]): ChangeEvent[] => [
  { type, before: fields, after: fields },
];
const personRemoved = ended("profile", "invite_ids", "api_key_ids");
const inviteFields = ["role_id", "workspace_ids"];

/** The events of each change after its valid request. `test/audit/change.test.ts` fails if a change is missing. */
export const changeEvents: Record<string, ChangeEvent[]> = {
  "ApiKeyService/CreateApiKey": made(
    "api_key",
    ...texts,
    ...[
      "kind",
      "environment",
      "workspace_scope",
      "permissions",
      "expires_at",
      "rate_limits",
      "workspace_ids",
    ],
  ),
  "ApiKeyService/UpdateApiKey": edited("api_key", ...texts),
  "ApiKeyService/RevokeApiKey": edited("api_key", "revoked"),
  "ApiKeyService/RevokeApiKeys": edited("api_key", "revoked"),
  "ApiKeyService/RotateApiKey": made("api_key", "hint", "grace_seconds"),
  "ApiKeyService/DisableApiKey": edited("api_key", "disabled"),
  "ApiKeyService/EnableApiKey": edited("api_key", "disabled"),
  "ApiKeyService/AddApiKeyWorkspace": made("api_key", "workspace_id"),
  "ApiKeyService/RemoveApiKeyWorkspace": ended("api_key", "workspace_id"),
  "AccountService/UpdateAccount": edited("account", ...texts),
  "AccountService/CreateAccount": made("account", ...texts),
  "AccountService/DeleteAccount": [{ type: "account", before: ["deleted"], after: ["deleted", "delete_at"] }],
  "AccountService/RotateGlobalApiKey": made("api_key", "hint", "grace_seconds"),
  "AccountService/DisableGlobalApiKey": edited("api_key", "disabled"),
  "AccountService/EnableGlobalApiKey": edited("api_key", "disabled"),
  "AccountService/OpenAccount": [
    ...made("account", "name", "entitlements"),
    ...made("invite", ...inviteFields),
  ],
  "AccountService/InviteFirstOwner": made("invite", ...inviteFields),
  "AccountService/SetEntitlements": edited("account", "entitlements"),
  "AccountService/SetRateLimits": edited("account", "rate_limits"),
  "AccountService/SetCredits": edited("account", "credits"),
  "AccountService/AddCredits": edited("account", "credits"),
  "AccountService/RemoveCredits": edited("account", "credits"),
  "AccountService/SuspendAccount": edited("account", "suspended_at"),
  "AccountService/ResumeAccount": edited("account", "delete_at", "deleted_at", "suspended_at"),
  "WorkspaceAdminService/CreateWorkspace": made("workspace", ...texts),
  "WorkspaceAdminService/UpdateWorkspace": edited("workspace", ...texts),
  "WorkspaceAdminService/ArchiveWorkspace": edited("workspace", "archived"),
  "WorkspaceAdminService/AddWorkspaceMember": made("workspace", "profile_id"),
  "WorkspaceAdminService/RemoveWorkspaceMember": ended("workspace", "profile_id"),
  "ProfileService/RemoveProfile": personRemoved,
  "ProfileService/SetProfileRole": edited("profile", "role_id"),
  "SessionService/SignUp": made("account", ...texts),
  "SessionService/LogIn": made("session", "session_id"),
  "SessionService/LogOut": ended("session", "session_id"),
  "SessionService/RevokeSession": ended("session", "session_id"),
  "SessionService/CreateEmbedSession": made("embed_session", "permissions", "workspace_ids", "expires_at"),
  "SessionService/ChangePassword": made("user", "password"),
  "SessionService/RequestPasswordReset": made("user", "requested"),
  "SessionService/ResetPassword": [...made("user", "password"), ...ended("session", "session_id")],
  "SessionService/ChangeEmail": made("user", "requested"),
  "SessionService/ProveEmail": made("user", "email"),
  "SessionService/DeleteUser": [...ended("session", "session_id"), ...personRemoved],
  "TokenService/RevokeToken": [{ type: "api_key", before: ["token"], after: ["token", "revoked"] }],
  "InviteService/CreateInvite": made("invite", ...inviteFields),
  "InviteService/RevokeInvite": ended("invite", ...inviteFields),
  "InviteService/AcceptInvite": made("invite", ...inviteFields, "profile_id"),
  "TeamService/CreateTeam": made("team", ...texts, "roles"),
  "TeamService/UpdateTeam": edited("team", ...texts),
  "TeamService/DeleteTeam": ended("team", ...texts, "roles"),
  "TeamService/AddTeamMember": made("team", "profile_id"),
  "TeamService/RemoveTeamMember": ended("team", "profile_id"),
  "RoleService/CreateRole": made("role", ...texts, "permissions"),
  "RoleService/UpdateRole": edited("role", ...texts),
  "RoleService/DeleteRole": ended("role", ...texts, "permissions"),
  "ServiceAccountService/CreateServiceAccount": made("service_account", ...texts, "team_id"),
  "ServiceAccountService/UpdateServiceAccount": edited("service_account", ...texts),
  "ServiceAccountService/DeleteServiceAccount": ended("service_account", ...texts, "team_id", "api_key_ids"),
};
