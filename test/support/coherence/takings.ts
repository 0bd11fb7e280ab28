import {
  newDeveloperKey,
  newMember,
  newRole,
  newServiceAccount,
  newServiceKey,
  newTeam,
} from "../actors/actors.ts";
import type { Clients } from "../actors/clients.ts";
import { issueKey, newWorkspace, type Owner, password, type TestApp } from "../app.ts";

/** What is asked of VerifyToken. */
export type Question = Omit<Parameters<Clients["tokens"]["verifyToken"]>[0], "$typeName">;

/** Something that is taken from a bearer through one instance: what the other says of it before and after. */
export interface Taking {
  question: Question;
  before?: string;
  take(): Promise<unknown>;
  after: string;
}

const accountOf = (owner: Owner) => owner.account.metadata?.id ?? "";

/** Makes something of this owner, and takes it away. */
type Prepare = (owner: Owner, one: TestApp) => Promise<Taking>;

/** Every way to take something from a bearer, through one instance. */
export const takings: Record<string, Prepare> = {
  async RevokeApiKeys(owner) {
    const { token } = await issueKey(owner, { metadata: { name: "one of many", labels: { lot: "7" } } });
    const take = () => owner.apiKeys.revokeApiKeys({ filter: { labels: "lot=7" } });
    return { question: { token }, take, after: "REVOKED" };
  },
  async DisableApiKey(owner) {
    const { id, token } = await issueKey(owner);
    return { question: { token }, take: () => owner.apiKeys.disableApiKey({ id }), after: "DISABLED" };
  },
  async EnableApiKey(owner) {
    const { id, token } = await issueKey(owner);
    await owner.apiKeys.disableApiKey({ id });
    const take = () => owner.apiKeys.enableApiKey({ id });
    return { question: { token }, before: "DISABLED", take, after: "VALID" };
  },
  async RotateApiKey(owner) {
    const { id, token } = await issueKey(owner);
    return { question: { token }, take: () => owner.apiKeys.rotateApiKey({ id }), after: "REVOKED" };
  },
  async UpdateApiKey(owner) {
    const { id, token } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
    const update = { id, spec: { permissions: [] }, updateMask: { paths: ["spec.permissions"] } };
    const question = { token, requiredPermissions: ["agents:read"] };
    return { question, take: () => owner.apiKeys.updateApiKey(update), after: "PERMISSION_DENIED" };
  },
  async RevokeToken(owner) {
    const { token } = await issueKey(owner);
    return { question: { token }, take: () => owner.tokens.revokeToken({ token }), after: "REVOKED" };
  },
  async RemoveApiKeyWorkspace(owner) {
    const workspaceId = await newWorkspace(owner, "taken");
    const { id, token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const take = () => owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
    return { question: { token, workspaceId }, take, after: "WORKSPACE_FORBIDDEN" };
  },
  async ArchiveWorkspace(owner) {
    await newWorkspace(owner, "stays");
    const workspaceId = await newWorkspace(owner, "archived");
    const { token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const take = () => owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    return { question: { token, workspaceId }, take, after: "WORKSPACE_ARCHIVED" };
  },
  async UpdateRole(owner, one) {
    const { key, roleId } = await serviceKey(owner, one);
    const update = { id: roleId, spec: { permissions: ["runs:read"] } };
    const question = { token: key.token, requiredPermissions: ["agents:read"] };
    return { question, take: () => owner.roles.updateRole(update), after: "PERMISSION_DENIED" };
  },
  async UpdateTeam(owner, one) {
    const { key, teamId } = await serviceKey(owner, one);
    const update = { id: teamId, spec: { roles: [] }, updateMask: { paths: ["spec.roles"] } };
    const question = { token: key.token, requiredPermissions: ["agents:read"] };
    return { question, take: () => owner.teams.updateTeam(update), after: "PERMISSION_DENIED" };
  },
  async DeleteServiceAccount(owner, one) {
    const { key, robotId } = await serviceKey(owner, one);
    const take = () => owner.serviceAccounts.deleteServiceAccount({ id: robotId });
    return { question: { token: key.token }, take, after: "REVOKED" };
  },
  async RemoveTeamMember(owner, one) {
    const member = await newMember(one, owner, "viewer");
    const teamId = await newTeam(owner, `team ${crypto.randomUUID()}`, "developer");
    const membership = { id: teamId, profileId: member.profileId };
    await owner.teams.addTeamMember(membership);
    const question = {
      token: member.token,
      accountId: accountOf(owner),
      requiredPermissions: ["agents:write"],
    };
    return { question, take: () => owner.teams.removeTeamMember(membership), after: "PERMISSION_DENIED" };
  },
  async SetProfileRole(owner, one) {
    const member = await newMember(one, owner, "developer");
    const question = { token: member.token, requiredPermissions: ["agents:write"] };
    const take = () => owner.profiles.setProfileRole({ id: member.profileId, role: "viewer" });
    return { question, take, after: "PERMISSION_DENIED" };
  },
  async RemoveProfile(owner, one) {
    const member = await newMember(one, owner, "developer");
    const key = await newDeveloperKey(one, member);
    const take = () => owner.profiles.removeProfile({ id: member.profileId });
    return { question: { token: key.token }, take, after: "REVOKED" };
  },
  async "RemoveProfile, of a session"(owner, one) {
    const member = await newMember(one, owner, "developer");
    const question = { token: member.token, accountId: accountOf(owner) };
    const take = () => owner.profiles.removeProfile({ id: member.profileId });
    return { question, take, after: "ACCOUNT_MISMATCH" };
  },
  async SuspendAccount(owner, one) {
    const { token } = await issueKey(owner);
    const take = () =>
      one.clientAs(one.platformToken).accounts.suspendAccount({ accountId: accountOf(owner) });
    return { question: { token }, take, after: "ACCOUNT_SUSPENDED" };
  },
  async SetEntitlements(owner, one) {
    const platform = one.clientAs(one.platformToken).accounts;
    const { token } = await issueKey(owner);
    await platform.setEntitlements({ accountId: accountOf(owner), entitlements: ["realtime"] });
    const take = () => platform.setEntitlements({ accountId: accountOf(owner), entitlements: [] });
    return { question: { token, requiredEntitlements: ["realtime"] }, take, after: "ENTITLEMENT_REQUIRED" };
  },
  async LogOut(owner, one) {
    const { token } = await one.clientAs("").sessions.logIn({ email: owner.email, password });
    return { question: { token }, take: () => one.clientAs(token).sessions.logOut({}), after: "REVOKED" };
  },
  async ChangePassword(owner, one) {
    const { token } = await one.clientAs("").sessions.logIn({ email: owner.email, password });
    const change = { oldPassword: password, newPassword: `${password} again` };
    return { question: { token }, take: () => owner.sessions.changePassword(change), after: "REVOKED" };
  },
  async DeleteAccount(owner) {
    const { token } = await issueKey(owner);
    const take = () => owner.accounts.deleteAccount({ name: owner.account.metadata?.name ?? "" });
    return { question: { token }, take, after: "ACCOUNT_SUSPENDED" };
  },
};

async function serviceKey(owner: Owner, one: TestApp) {
  const roleId = await newRole(owner, `role ${crypto.randomUUID()}`, "agents:read");
  const teamId = await newTeam(owner, `team ${crypto.randomUUID()}`, roleId);
  const { id: robotId } = await newServiceAccount(owner, `robot ${crypto.randomUUID()}`, teamId);
  const key = await newServiceKey(one, owner, robotId);
  return { key, roleId, teamId, robotId };
}
