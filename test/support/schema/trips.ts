/** How many round trips a method takes beyond those of a read (one) or a change (three), and why it may. */
export interface FurtherTrips {
  trips: number;
  why: string;
}

/**
 * The reviewed list. Each number is the maximum of the method, with an owner as its caller. For a caller without all
 * permissions, a change of roles, teams and people also reads the affected principals, to compare what they reach.
 */
export const furtherTrips: Record<string, FurtherTrips> = {
  "ApiKeyService/RevokeApiKeys": {
    trips: 2,
    why: "It finds the keys first, makes a change for each batch of 100, and counts what is left.",
  },
  "AccountService/RotateGlobalApiKey": {
    trips: 1,
    why: "It finds the system key first, to know which row to lock.",
  },
  "AccountService/DisableGlobalApiKey": {
    trips: 1,
    why: "It finds the system key first, to know which row to lock.",
  },
  "AccountService/EnableGlobalApiKey": {
    trips: 1,
    why: "It finds the system key first, to know which row to lock.",
  },
  "AuditService/ListAuditEvents": {
    trips: 1,
    why: "It reads the names of what the events mention, after the events.",
  },
  "WorkspaceAdminService/AddWorkspaceMember": {
    trips: 6,
    why: "It finds out first whether the profile is a person's or a key's, because that decides which row it locks and what it compares.",
  },
  "WorkspaceAdminService/RemoveWorkspaceMember": {
    trips: 1,
    why: "It finds out first whether the profile is a person's or a key's, because that decides which row it locks.",
  },
  "ProfileService/RemoveProfile": {
    trips: 1,
    why: "Its audit event names the keys and invites that it has just revoked.",
  },
  "SessionService/LogIn": {
    trips: 2,
    why: "It finds the user before it checks the password, and then the oldest sessions that it has to lock.",
  },
  "SessionService/RevokeSession": {
    trips: 1,
    why: "Its audit events name what the session made and it has just ended.",
  },
  "SessionService/ChangePassword": {
    trips: 3,
    why: "It reads the password before it checks it, then the sessions that it locks. Its audit events name what it has ended.",
  },
  "SessionService/ResetPassword": {
    trips: 6,
    why: "It finds the user by the mailed token, then the sessions that it locks. It uses the token up before it changes anything.",
  },
  "SessionService/ChangeEmail": {
    trips: 2,
    why: "It reads the password before it checks it. Its audit events name the accounts of the user.",
  },
  "SessionService/ProveEmail": {
    trips: 4,
    why: "It finds the user by the mailed token, and uses the token up before it changes anything.",
  },
  "SessionService/DeleteUser": {
    trips: 17,
    why: "It ends a user in every account, one after the other. A user makes this change once.",
  },
  "UsageService/ReportUsage": {
    trips: 6,
    why: "It finds the keys of the caller first. Then it records counts and times of use in one transaction.",
  },
  "TokenService/RevokeToken": {
    trips: 1,
    why: "It has no bearer. It finds the key of the token first, to know which row to lock.",
  },
  "InviteService/AcceptInvite": {
    trips: 13,
    why: "It finds the invite first, and compares what its maker holds now. It may make a user. An invite is accepted once.",
  },
};
