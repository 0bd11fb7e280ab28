/** How many round trips a method takes beyond those of a read (one) or a change (three), and why it may. */
export interface FurtherTrips {
  trips: number;
  why: string;
}

const anonymous = "It has no bearer. It finds the user or the token first, to know which rows to lock.";
const holders =
  "It compares what the holders of a role or a team reach before and after. People make this change by hand.";
const rare =
  "It makes or ends many things, one after the other. A user or an operator makes this change once.";

/** The reviewed list. Each number is the most that the method takes with an owner as its caller. */
export const furtherTrips: Record<string, FurtherTrips> = {
  "ApiKeyService/RevokeApiKeys": {
    trips: 2,
    why: "It finds the keys first, makes a change for each batch of 100, and counts what is left.",
  },
  "AccountService/CreateAccount": { trips: 10, why: rare },
  "AccountService/DeleteAccount": { trips: 3, why: rare },
  "AccountService/OpenAccount": { trips: 7, why: rare },
  "WorkspaceAdminService/AddWorkspaceMember": { trips: 8, why: rare },
  "WorkspaceAdminService/RemoveWorkspaceMember": { trips: 5, why: rare },
  "ProfileService/RemoveProfile": { trips: 9, why: rare },
  "ProfileService/SetProfileRole": { trips: 7, why: holders },
  "SessionService/SignUp": { trips: 9, why: anonymous },
  "SessionService/LogIn": { trips: 6, why: anonymous },
  "SessionService/LogOut": { trips: 2, why: rare },
  "SessionService/RevokeSession": { trips: 6, why: rare },
  "SessionService/ChangePassword": { trips: 9, why: rare },
  "SessionService/ResetPassword": { trips: 13, why: anonymous },
  "SessionService/ChangeEmail": { trips: 4, why: rare },
  "SessionService/ProveEmail": { trips: 7, why: anonymous },
  "SessionService/DeleteUser": { trips: 27, why: rare },
  "TokenService/RevokeToken": { trips: 6, why: anonymous },
  "InviteService/CreateInvite": { trips: 7, why: rare },
  "InviteService/RevokeInvite": { trips: 3, why: rare },
  "InviteService/AcceptInvite": { trips: 13, why: anonymous },
  "TeamService/CreateTeam": { trips: 8, why: holders },
  "TeamService/UpdateTeam": { trips: 3, why: holders },
  "TeamService/DeleteTeam": { trips: 2, why: holders },
  "TeamService/AddTeamMember": { trips: 7, why: holders },
  "TeamService/RemoveTeamMember": { trips: 3, why: holders },
  "RoleService/CreateRole": { trips: 2, why: holders },
  "RoleService/UpdateRole": { trips: 2, why: holders },
  "RoleService/DeleteRole": { trips: 4, why: holders },
};
