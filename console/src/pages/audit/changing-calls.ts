/** The calls that an account's audit log can contain as changes, by their service. */
export const changingCalls: Readonly<Record<string, string>> = {
  ApiKeyService:
    "CreateApiKey UpdateApiKey RevokeApiKey RevokeApiKeys RotateApiKey DisableApiKey EnableApiKey AddApiKeyWorkspace RemoveApiKeyWorkspace",
  WorkspaceAdminService:
    "CreateWorkspace UpdateWorkspace ArchiveWorkspace AddWorkspaceMember RemoveWorkspaceMember",
  ProfileService: "RemoveProfile SetProfileRole",
  InviteService: "CreateInvite RevokeInvite AcceptInvite",
  TeamService: "CreateTeam UpdateTeam DeleteTeam AddTeamMember RemoveTeamMember",
  RoleService: "CreateRole UpdateRole DeleteRole",
  ServiceAccountService: "CreateServiceAccount UpdateServiceAccount DeleteServiceAccount",
  SessionService:
    "SignUp LogIn LogOut RevokeSession CreateEmbedSession ChangePassword RequestPasswordReset ResetPassword ChangeEmail ProveEmail DeleteUser",
  AccountService:
    "UpdateAccount CreateAccount DeleteAccount RotateGlobalApiKey DisableGlobalApiKey EnableGlobalApiKey OpenAccount InviteFirstOwner SetEntitlements SetRateLimits SetCredits AddCredits RemoveCredits SuspendAccount ResumeAccount",
  TokenService: "RevokeToken",
};
