import { create, type DescMethod, type Message, type MessageShape } from "@bufbuild/protobuf";
import { MethodOptions_IdempotencyLevel as Idempotency } from "@bufbuild/protobuf/wkt";
import { services } from "../../../src/app/routes.ts";
import {
  inviteOf,
  newEmail,
  newMember,
  newName,
  newRole,
  newServiceAccount,
  newTeam,
} from "../actors/actors.ts";
import { mailedToken } from "../actors/mailbox.ts";
import { issueKey, newWorkspace, type Owner, password, type SharedApp } from "../app.ts";
import { platformRequests } from "./platform-requests.ts";
import { isUnary } from "./streams.ts";
import { verificationRequests } from "./verification-requests.ts";

/** Every RPC of Latchkey with one request and one response. */
export const methods: DescMethod[] = services.flatMap((service) => service.methods).filter(isUnary);

/** Returns the name of an RPC in the tables of tests. */
export function nameOf(method: DescMethod): string {
  return `${method.parent.name}/${method.name}`;
}

// Two of them have a token in their requests, and a URL must not contain one. They change nothing but counts of usage.
const readsByPost = [
  "TokenService/VerifyToken",
  "TokenService/BatchVerifyTokens",
  "UsageService/ReportUsage",
];

/** Returns whether an RPC reads and changes nothing. */
export function isRead(method: DescMethod): boolean {
  return method.idempotency === Idempotency.NO_SIDE_EFFECTS || readsByPost.includes(nameOf(method));
}

/** Returns a request that the RPC accepts from that caller. If the RPC changes something, the request does change it. */
export async function validRequest(app: SharedApp, owner: Owner, method: DescMethod): Promise<Message> {
  const prepare = valid[nameOf(method)];
  if (!prepare) {
    throw new Error(
      `${nameOf(method)} has no valid request: add one to \`valid\` in test/support/schema/requests.ts`,
    );
  }
  return create(method.input, await prepare(owner, app)) as MessageShape<typeof method.input>;
}

const newPassword = "another horse, another staple";

const workspace = async (owner: Owner) => ({ workspaceId: await newWorkspace(owner) });
const key = async (owner: Owner) => ({ id: (await issueKey(owner)).id });
const grant = async (owner: Owner) => ({ ...(await key(owner)), ...(await workspace(owner)) });
const member = async (owner: Owner) => ({
  ...(await workspace(owner)),
  profileId: owner.profile.metadata?.id,
});
const role = async (owner: Owner) => ({ id: await newRole(owner) });
const team = async (owner: Owner) => ({ id: await newTeam(owner) });
const teammate = async (owner: Owner) => ({ ...(await team(owner)), profileId: owner.profile.metadata?.id });
const serviceAccount = async (owner: Owner) => ({
  id: (await newServiceAccount(owner, newName(), await newTeam(owner))).id,
});
const person = async (owner: Owner, app: SharedApp) => ({
  id: (await newMember(app, owner, "viewer")).profileId,
});
const ofAccount = async (owner: Owner) => ({ accountId: owner.account.metadata?.id });
const unique = () => crypto.randomUUID();
const described = () => ({
  metadata: { name: `new ${unique()}`, labels: { env: "prod" }, externalId: unique() },
  spec: { description: "what it is for" },
});
const made = () => ({ ...described(), requestId: unique() });

const valid: Record<string, (owner: Owner, app: SharedApp) => Promise<Record<string, unknown>>> = {
  "ApiKeyService/CreateApiKey": async (owner) => ({
    ...made(),
    initialWorkspaceIds: [await newWorkspace(owner)],
  }),
  "ApiKeyService/ListApiKeys": async () => ({}),
  "ApiKeyService/GetApiKey": key,
  "ApiKeyService/UpdateApiKey": async (owner) => ({ ...(await key(owner)), ...described() }),
  "ApiKeyService/RevokeApiKey": key,
  async "ApiKeyService/RevokeApiKeys"(owner) {
    const run = unique();
    await issueKey(owner, { metadata: { name: "one of many", labels: { run } } });
    return { filter: { labels: `run=${run}` } };
  },
  "ApiKeyService/RotateApiKey": key,
  "ApiKeyService/DisableApiKey": key,
  async "ApiKeyService/EnableApiKey"(owner) {
    const { id } = await key(owner);
    await owner.apiKeys.disableApiKey({ id });
    return { id };
  },
  "ApiKeyService/AddApiKeyWorkspace": grant,
  async "ApiKeyService/RemoveApiKeyWorkspace"(owner) {
    const granted = await grant(owner);
    await owner.apiKeys.addApiKeyWorkspace(granted);
    return granted;
  },
  "ApiKeyService/ListApiKeyWorkspaces": key,
  "AccountService/GetAccount": async () => ({}),
  "AccountService/UpdateAccount": async (owner) => ({ id: owner.account.metadata?.id, ...described() }),
  "AccountService/ListAccounts": async () => ({}),
  "AccountService/CreateAccount": async () => made(),
  "AccountService/DeleteAccount": async (owner) => ({ name: owner.account.metadata?.name }),
  "AccountService/GetGlobalApiKey": async () => ({}),
  "AccountService/RotateGlobalApiKey": async () => ({ gracePeriod: { seconds: 60n } }),
  "AccountService/DisableGlobalApiKey": async () => ({}),
  async "AccountService/EnableGlobalApiKey"(owner) {
    await owner.accounts.disableGlobalApiKey({});
    return {};
  },
  "AccountService/SearchAccounts": async () => ({}),
  "AccountService/OpenAccount": async () => ({
    metadata: { name: "opened" },
    ownerEmail: newEmail(),
    entitlements: ["realtime"],
    requestId: unique(),
  }),
  async "AccountService/InviteFirstOwner"(_owner, app) {
    const { accounts } = app.clientAs(app.platformToken);
    const { account } = await accounts.openAccount({ metadata: { name: "without an owner" } });
    return { accountId: account?.metadata?.id, email: newEmail() };
  },
  ...platformRequests,
  "AccountService/SuspendAccount": ofAccount,
  async "AccountService/ResumeAccount"(owner, app) {
    const suspended = await ofAccount(owner);
    await app.clientAs(app.platformToken).accounts.suspendAccount(suspended);
    return suspended;
  },
  "WorkspaceService/ListWorkspaces": async () => ({}),
  "WorkspaceAdminService/CreateWorkspace": async () => made(),
  "WorkspaceAdminService/ListAccountWorkspaces": async () => ({}),
  "WorkspaceAdminService/GetWorkspace": workspace,
  "WorkspaceAdminService/UpdateWorkspace": async (owner) => ({ ...(await workspace(owner)), ...described() }),
  async "WorkspaceAdminService/ArchiveWorkspace"(owner) {
    await newWorkspace(owner);
    return await workspace(owner);
  },
  "WorkspaceAdminService/ListWorkspaceMembers": workspace,
  "WorkspaceAdminService/AddWorkspaceMember": member,
  async "WorkspaceAdminService/RemoveWorkspaceMember"(owner) {
    const added = await member(owner);
    await owner.workspaceAdmin.addWorkspaceMember(added);
    return added;
  },
  "ProfileService/WhoAmI": async () => ({}),
  "ProfileService/ListProfiles": async () => ({}),
  "ProfileService/GetProfile": async (owner) => ({ id: owner.profile.metadata?.id }),
  "ProfileService/RemoveProfile": person,
  "ProfileService/SetProfileRole": async (owner, app) => ({
    ...(await person(owner, app)),
    role: "developer",
  }),
  "SessionService/SignUp": async () => ({
    email: newEmail(),
    password,
    name: "New",
    accountName: "New",
  }),
  "SessionService/LogIn": async (owner) => ({ email: owner.email, password }),
  "SessionService/LogOut": async () => ({}),
  "SessionService/ListSessions": async () => ({}),
  async "SessionService/RevokeSession"(owner) {
    await owner.sessions.logIn({ email: owner.email, password });
    const { items } = await owner.sessions.listSessions({});
    return { id: items.find((session) => !session.current)?.id };
  },
  "SessionService/CreateEmbedSession": async (owner) => ({
    permissions: ["api_keys:read"],
    workspaceIds: [await newWorkspace(owner)],
  }),
  "SessionService/ChangePassword": async () => ({ oldPassword: password, newPassword }),
  "SessionService/RequestPasswordReset": async (owner) => ({ email: owner.email }),
  async "SessionService/ResetPassword"(owner, app) {
    await owner.sessions.requestPasswordReset({ email: owner.email });
    return { token: await mailedToken(app, owner.email), password: newPassword };
  },
  "SessionService/ChangeEmail": async () => ({ email: newEmail(), password }),
  async "SessionService/ProveEmail"(owner, app) {
    const email = newEmail();
    await owner.sessions.changeEmail({ email, password });
    return { token: await mailedToken(app, email) };
  },
  async "SessionService/DeleteUser"(owner, app) {
    // Another owner remains, because the last owner cannot leave.
    await newMember(app, owner, "owner");
    return { password };
  },
  ...verificationRequests,
  "AuditService/ListAuditEvents": async () => ({}),
  "InviteService/CreateInvite": async (owner) => ({
    email: newEmail(),
    role: "viewer",
    workspaceIds: [await newWorkspace(owner)],
    requestId: unique(),
  }),
  "InviteService/ListInvites": async () => ({}),
  "InviteService/RevokeInvite": async (owner) => ({
    id: (await inviteOf(owner, { email: newEmail(), role: "viewer" })).id,
  }),
  "InviteService/AcceptInvite": async (owner, app) =>
    inviteOf(await app.newAccount("Inviting"), { email: owner.email, role: "viewer" }),
  "TeamService/CreateTeam": async (owner) => ({
    ...made(),
    spec: { description: "what it is for", roles: [await newRole(owner)] },
  }),
  "TeamService/ListTeams": async () => ({}),
  "TeamService/GetTeam": team,
  "TeamService/UpdateTeam": async (owner) => ({ ...(await team(owner)), ...described() }),
  "TeamService/DeleteTeam": team,
  "TeamService/ListTeamMembers": team,
  "TeamService/AddTeamMember": teammate,
  async "TeamService/RemoveTeamMember"(owner) {
    const added = await teammate(owner);
    await owner.teams.addTeamMember(added);
    return added;
  },
  "RoleService/CreateRole": async () => ({
    ...made(),
    spec: { description: "what it is for", permissions: ["agents:read"] },
  }),
  "RoleService/ListRoles": async () => ({}),
  "RoleService/ListPermissions": async () => ({}),
  "RoleService/GetRole": role,
  "RoleService/UpdateRole": async (owner) => ({ ...(await role(owner)), ...described() }),
  "RoleService/DeleteRole": role,
  "ServiceAccountService/CreateServiceAccount": async (owner) => ({
    ...made(),
    spec: { description: "what it is for", teamId: await newTeam(owner) },
  }),
  "ServiceAccountService/ListServiceAccounts": async () => ({}),
  "ServiceAccountService/GetServiceAccount": serviceAccount,
  "ServiceAccountService/UpdateServiceAccount": async (owner) => ({
    ...(await serviceAccount(owner)),
    ...described(),
  }),
  "ServiceAccountService/DeleteServiceAccount": serviceAccount,
};
