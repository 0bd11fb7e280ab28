/** Returns the words for a call, after "to": `latchkey.v1.ApiKeyService/CreateApiKey` becomes "create a key". */
export function wordsOfCall(method: string): string {
  const name = method.slice(method.lastIndexOf("/") + 1);
  const known = irregular[name];
  if (known) return known;
  const [verb = name, ...nouns] = name.split(/(?=[A-Z])/).map((word) => word.toLowerCase());
  const noun = nouns.join(" ").replace("api key", "key");
  if (noun === "") return verb;
  return /s$/.test(noun) ? `${verb} ${noun}` : `${verb} ${/^[aeio]/.test(noun) ? "an" : "a"} ${noun}`;
}

/** Returns the short name of a call: `latchkey.v1.ApiKeyService/CreateApiKey` becomes `CreateApiKey`. */
export function nameOfCall(method: string): string {
  return method.slice(method.lastIndexOf("/") + 1);
}

const irregular: Readonly<Record<string, string>> = {
  AddApiKeyWorkspace: "give a key access to a workspace",
  AddCredits: "add credits",
  AddTeamMember: "add a person to a team",
  AddWorkspaceMember: "give a profile access to a workspace",
  BatchVerifyTokens: "verify tokens",
  DeleteUser: "delete a user",
  DisableGlobalApiKey: "disable the system key",
  EnableGlobalApiKey: "enable the system key",
  GetAccount: "read the account",
  GetGlobalApiKey: "read the system key",
  GetUsage: "read the usage",
  InviteFirstOwner: "invite the first owner",
  ListAccountWorkspaces: "list the workspaces of the account",
  ListApiKeyWorkspaces: "list the workspaces of a key",
  LogIn: "log in",
  LogOut: "log out",
  RemoveApiKeyWorkspace: "take a workspace from a key",
  RemoveProfile: "remove a person",
  RemoveTeamMember: "remove a person from a team",
  RemoveWorkspaceMember: "take a workspace from a profile",
  ReportUsage: "report usage",
  RotateGlobalApiKey: "rotate the system key",
  SetProfileRole: "give a person another role",
  SignUp: "sign up",
  UpdateAccount: "change the account",
  WatchTokens: "follow changes of tokens",
  WhoAmI: "read its own identity",
  introspect: "introspect a token",
  revoke: "revoke a token",
};
