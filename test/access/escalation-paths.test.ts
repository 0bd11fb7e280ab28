import { expect, test } from "vitest";
import { escalationPaths } from "../support/escalation/paths.ts";
import { methods, nameOf } from "../support/schema/requests.ts";

/** What an RPC can do to what somebody reaches. Reviewed by hand: a new RPC has no class, and fails the first test. */
const classes = {
  /** Calls `refuseEscalation` with every principal that results. */
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
  /** Compares what it gives with what the credential that promised it reaches now. See invite-judged.test.ts. */
  checkedAgainstMaker: ["InviteService/AcceptInvite"],
  /** Ends or takes away. */
  narrows: [
    "ApiKeyService/RevokeApiKey",
    "ApiKeyService/RevokeApiKeys",
    "ApiKeyService/DisableApiKey",
    "ApiKeyService/RemoveApiKeyWorkspace",
    "AccountService/DeleteAccount",
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
  /** Changes nothing that a verdict depends on. A new workspace is entered by those who enter all of them. */
  neutral: [
    "AccountService/UpdateAccount",
    "WorkspaceAdminService/CreateWorkspace",
    "WorkspaceAdminService/UpdateWorkspace",
  ],
  /** Concerns the caller's own sign-in: it takes the password, or a token that was mailed. */
  ownUser: [
    "SessionService/LogIn",
    "SessionService/ChangePassword",
    "SessionService/RequestPasswordReset",
    "SessionService/ResetPassword",
    "SessionService/ChangeEmail",
    "SessionService/ProveEmail",
  ],
  /** Makes an account that nobody reached before. Its owner reaches nothing else by it. */
  newAccount: ["SessionService/SignUp", "AccountService/CreateAccount", "AccountService/OpenAccount"],
  /** Takes a platform permission: the deployment decides, not a principal of the account. */
  platform: [
    "AccountService/SetEntitlements",
    "AccountService/SuspendAccount",
    "AccountService/ResumeAccount",
  ],
  reads: [
    "ApiKeyService/ListApiKeys",
    "ApiKeyService/GetApiKey",
    "ApiKeyService/ListApiKeyWorkspaces",
    "AccountService/GetAccount",
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
    "InviteService/ListInvites",
    "TeamService/ListTeams",
    "TeamService/GetTeam",
    "TeamService/ListTeamMembers",
    "RoleService/ListRoles",
    "RoleService/GetRole",
    "ServiceAccountService/ListServiceAccounts",
    "ServiceAccountService/GetServiceAccount",
  ],
};

test("for every RPC of the schema it is decided whether it can widen a principal", () => {
  const classified = Object.values(classes).flat();
  const help = "add the RPC to one class of `classes` in test/access/escalation-paths.test.ts";
  expect(classified.toSorted(), help).toEqual(methods.map(nameOf).toSorted());
});

test("every RPC that can widen a principal is tried by every kind of caller who holds less", () => {
  // Only owners change and remove owners: that is a rank, and no reach.
  const tried = new Set(
    escalationPaths.map(({ method }) => method).filter((method) => method !== "RemoveProfile"),
  );
  const evaluated = classes.evaluated.map((name) => name.slice(name.indexOf("/") + 1));
  const help = "add a path for each RPC of the class `evaluated` to test/support/escalation/paths.ts";
  expect([...tried].toSorted(), help).toEqual(evaluated.toSorted());
});
