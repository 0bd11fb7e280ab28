import { expect, test } from "vitest";
import { escalationPaths } from "../support/escalation/paths.ts";
import { methods, nameOf } from "../support/schema/requests.ts";

/**
 * How each RPC can change what a principal reaches. The list is reviewed by hand. A new RPC has no class, so it fails
 * the first test.
 */
const classes = {
  /** They call `refuseEscalation` with every principal that results. */
  evaluated: [
    "ApiKeyService/CreateApiKey",
    "ApiKeyService/UpdateApiKey",
    "ApiKeyService/RotateApiKey",
    "ApiKeyService/EnableApiKey",
    "ApiKeyService/AddApiKeyWorkspace",
    "WorkspaceAdminService/AddWorkspaceMember",
    "ProfileService/SetProfileRole",
    "InviteService/CreateInvite",
    "TeamService/CreateTeam",
    "TeamService/UpdateTeam",
    "TeamService/DeleteTeam",
    "TeamService/AddTeamMember",
    "RoleService/CreateRole",
    "RoleService/UpdateRole",
    "RoleService/DeleteRole",
    "ServiceAccountService/CreateServiceAccount",
    "ServiceAccountService/UpdateServiceAccount",
  ],
  /**
   * It compares what the invite gives with what the credential that made it reaches now. See
   * test/invite/reevaluated.test.ts.
   */
  checkedAgainstMaker: ["InviteService/AcceptInvite"],
  /** They end or remove something. */
  narrows: [
    "ApiKeyService/RevokeApiKey",
    "ApiKeyService/RevokeApiKeys",
    "ApiKeyService/DisableApiKey",
    "ApiKeyService/RemoveApiKeyWorkspace",
    "AccountService/DeleteAccount",
    "AccountService/DisableGlobalApiKey",
    "WorkspaceAdminService/ArchiveWorkspace",
    "WorkspaceAdminService/RemoveWorkspaceMember",
    "ProfileService/RemoveProfile",
    "SessionService/LogOut",
    "SessionService/RevokeSession",
    "SessionService/DeleteUser",
    "TokenService/RevokeToken",
    "InviteService/RevokeInvite",
    "TeamService/RemoveTeamMember",
    "ServiceAccountService/DeleteServiceAccount",
  ],
  /**
   * Only an owner's session and the key itself may call them, or the platform while there is no owner. These hold everything
   * that the key holds. See test/account/global-api-key.test.ts.
   */
  ofSystemKey: ["AccountService/RotateGlobalApiKey", "AccountService/EnableGlobalApiKey"],
  /**
   * Only a platform key that acts for the account may call it, with its newest token. It calls `refuseEscalation` with the
   * session. See test/session/embed.test.ts.
   */
  ofActingKey: ["SessionService/CreateEmbedSession"],
  /** They change nothing that a verdict depends on. Only principals with all workspaces may enter a new workspace. */
  neutral: [
    "AccountService/UpdateAccount",
    "WorkspaceAdminService/CreateWorkspace",
    "WorkspaceAdminService/UpdateWorkspace",
  ],
  /** They concern the caller's own sign-in, and need the password or a mailed token. */
  ownUser: [
    "SessionService/LogIn",
    "SessionService/ChangePassword",
    "SessionService/RequestPasswordReset",
    "SessionService/ResetPassword",
    "SessionService/ChangeEmail",
    "SessionService/ProveEmail",
  ],
  /** They create an account that no principal reached before. Its owner gains nothing outside it. */
  newAccount: ["SessionService/SignUp", "AccountService/CreateAccount", "AccountService/OpenAccount"],
  /** They need a platform permission. The deployment decides, not a principal of the account. */
  platform: [
    "AccountService/InviteFirstOwner",
    "AccountService/SetEntitlements",
    "AccountService/SetRateLimits",
    "AccountService/SetCredits",
    "AccountService/AddCredits",
    "AccountService/RemoveCredits",
    "AccountService/SuspendAccount",
    "AccountService/ResumeAccount",
  ],
  reads: [
    "ApiKeyService/ListApiKeys",
    "ApiKeyService/GetApiKey",
    "ApiKeyService/ListApiKeyWorkspaces",
    "AccountService/GetAccount",
    "AccountService/GetGlobalApiKey",
    "AccountService/ListAccounts",
    "AccountService/SearchAccounts",
    "WorkspaceService/ListWorkspaces",
    "WorkspaceAdminService/ListAccountWorkspaces",
    "WorkspaceAdminService/GetWorkspace",
    "WorkspaceAdminService/ListWorkspaceMembers",
    "ProfileService/WhoAmI",
    "ProfileService/ListProfiles",
    "ProfileService/GetProfile",
    "SessionService/ListSessions",
    "TokenService/VerifyToken",
    "TokenService/BatchVerifyTokens",
    "AuditService/ListAuditEvents",
    "UsageService/GetUsage",
    "UsageService/ReportUsage",
    "InviteService/ListInvites",
    "TeamService/ListTeams",
    "TeamService/GetTeam",
    "TeamService/ListTeamMembers",
    "RoleService/ListRoles",
    "RoleService/ListPermissions",
    "RoleService/GetRole",
    "ServiceAccountService/ListServiceAccounts",
    "ServiceAccountService/GetServiceAccount",
  ],
};

test("every RPC of the schema has a class that says whether it can widen a principal", () => {
  const classified = Object.values(classes).flat();
  const help = "add the RPC to one class of `classes` in test/access/escalation-paths.test.ts";
  expect(classified.toSorted(), help).toEqual(methods.map(nameOf).toSorted());
});

test("every RPC that can widen a principal is tried by every kind of caller with fewer rights", () => {
  // Only owners change and remove owners. That depends on their rank and not on their reach.
  const tried = new Set(
    escalationPaths.map(({ method }) => method).filter((method) => method !== "RemoveProfile"),
  );
  const evaluated = classes.evaluated.map((name) => name.slice(name.indexOf("/") + 1));
  const help = "add a path for each RPC of the class `evaluated` to test/support/escalation/paths.ts";
  expect([...tried].toSorted(), help).toEqual(evaluated.toSorted());
});
