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

/** A request to VerifyToken. */
export type VerifyRequest = Omit<Parameters<Clients["tokens"]["verifyToken"]>[0], "$typeName">;

/** A change through one instance, and the verdict that the other instance gives for a request before and after it. */
export interface VerdictChange {
  request: VerifyRequest;
  before?: string;
  change(): Promise<unknown>;
  after: string;
}

const onePerHour = { name: "hour", limit: 1, period: { seconds: 3_600n } };
const accountOf = (owner: Owner) => owner.account.metadata?.id ?? "";

/** Prepares a change in the account of an owner. */
type Prepare = (owner: Owner, app: TestApp) => Promise<VerdictChange>;

/** Every RPC that changes a verdict, by name. */
export const verdictChanges: Record<string, Prepare> = {
  async RevokeApiKeys(owner) {
    const { token } = await issueKey(owner, { metadata: { name: "one of many", labels: { lot: "7" } } });
    const change = () => owner.apiKeys.revokeApiKeys({ filter: { labels: "lot=7" } });
    return { request: { token }, change, after: "REVOKED" };
  },
  async DisableApiKey(owner) {
    const { id, token } = await issueKey(owner);
    return { request: { token }, change: () => owner.apiKeys.disableApiKey({ id }), after: "DISABLED" };
  },
  async EnableApiKey(owner) {
    const { id, token } = await issueKey(owner);
    await owner.apiKeys.disableApiKey({ id });
    const change = () => owner.apiKeys.enableApiKey({ id });
    return { request: { token }, before: "DISABLED", change, after: "VALID" };
  },
  async RotateApiKey(owner) {
    const { id, token } = await issueKey(owner);
    return { request: { token }, change: () => owner.apiKeys.rotateApiKey({ id }), after: "REVOKED" };
  },
  async UpdateApiKey(owner) {
    const { id, token } = await issueKey(owner, { spec: { permissions: ["agents:read"] } });
    const update = { id, spec: { permissions: [] }, updateMask: { paths: ["spec.permissions"] } };
    const request = { token, requiredPermissions: ["agents:read"] };
    return { request, change: () => owner.apiKeys.updateApiKey(update), after: "PERMISSION_DENIED" };
  },
  async RevokeToken(owner) {
    const { token } = await issueKey(owner);
    return { request: { token }, change: () => owner.tokens.revokeToken({ token }), after: "REVOKED" };
  },
  async RemoveApiKeyWorkspace(owner) {
    const workspaceId = await newWorkspace(owner, "taken");
    const { id, token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const change = () => owner.apiKeys.removeApiKeyWorkspace({ id, workspaceId });
    return { request: { token, workspaceId }, change, after: "WORKSPACE_FORBIDDEN" };
  },
  async ArchiveWorkspace(owner) {
    await newWorkspace(owner, "stays");
    const workspaceId = await newWorkspace(owner, "archived");
    const { token } = await issueKey(owner, { initialWorkspaceIds: [workspaceId] });
    const change = () => owner.workspaceAdmin.archiveWorkspace({ workspaceId });
    return { request: { token, workspaceId }, change, after: "WORKSPACE_ARCHIVED" };
  },
  async UpdateRole(owner, app) {
    const { key, roleId } = await serviceKey(owner, app);
    const update = { id: roleId, spec: { permissions: ["runs:read"] } };
    const request = { token: key.token, requiredPermissions: ["agents:read"] };
    return { request, change: () => owner.roles.updateRole(update), after: "PERMISSION_DENIED" };
  },
  async UpdateTeam(owner, app) {
    const { key, teamId } = await serviceKey(owner, app);
    const update = { id: teamId, spec: { roles: [] }, updateMask: { paths: ["spec.roles"] } };
    const request = { token: key.token, requiredPermissions: ["agents:read"] };
    return { request, change: () => owner.teams.updateTeam(update), after: "PERMISSION_DENIED" };
  },
  async DeleteServiceAccount(owner, app) {
    const { key, robotId } = await serviceKey(owner, app);
    const change = () => owner.serviceAccounts.deleteServiceAccount({ id: robotId });
    return { request: { token: key.token }, change, after: "REVOKED" };
  },
  async RemoveTeamMember(owner, app) {
    const member = await newMember(app, owner, "viewer");
    const teamId = await newTeam(owner, `team ${crypto.randomUUID()}`, "developer");
    const membership = { id: teamId, profileId: member.profileId };
    await owner.teams.addTeamMember(membership);
    const request = {
      token: member.token,
      accountId: accountOf(owner),
      requiredPermissions: ["agents:write"],
    };
    return { request, change: () => owner.teams.removeTeamMember(membership), after: "PERMISSION_DENIED" };
  },
  async SetProfileRole(owner, app) {
    const member = await newMember(app, owner, "developer");
    const request = { token: member.token, requiredPermissions: ["agents:write"] };
    const change = () => owner.profiles.setProfileRole({ id: member.profileId, role: "viewer" });
    return { request, change, after: "PERMISSION_DENIED" };
  },
  async RemoveProfile(owner, app) {
    const member = await newMember(app, owner, "developer");
    const key = await newDeveloperKey(app, member);
    const change = () => owner.profiles.removeProfile({ id: member.profileId });
    return { request: { token: key.token }, change, after: "REVOKED" };
  },
  async "RemoveProfile, of a session"(owner, app) {
    const member = await newMember(app, owner, "developer");
    const request = { token: member.token, accountId: accountOf(owner) };
    const change = () => owner.profiles.removeProfile({ id: member.profileId });
    return { request, change, after: "ACCOUNT_MISMATCH" };
  },
  async SuspendAccount(owner, app) {
    const { token } = await issueKey(owner);
    const change = () =>
      app.clientAs(app.platformToken).accounts.suspendAccount({ accountId: accountOf(owner) });
    return { request: { token }, change, after: "ACCOUNT_SUSPENDED" };
  },
  async SetEntitlements(owner, app) {
    const platform = app.clientAs(app.platformToken).accounts;
    const { token } = await issueKey(owner);
    await platform.setEntitlements({ accountId: accountOf(owner), entitlements: ["realtime"] });
    const change = () => platform.setEntitlements({ accountId: accountOf(owner), entitlements: [] });
    return { request: { token, requiredEntitlements: ["realtime"] }, change, after: "ENTITLEMENT_REQUIRED" };
  },
  async SetRateLimits(owner, app) {
    const { token } = await issueKey(owner);
    const { setRateLimits } = app.clientAs(app.platformToken).accounts;
    const change = () => setRateLimits({ accountId: accountOf(owner), rateLimits: [onePerHour] });
    return { request: { token, cost: 2 }, change, after: "RATE_LIMITED" };
  },
  async "UpdateApiKey, of the limits on which another key draws"(owner, app) {
    const rateLimits = [{ ...onePerHour, limit: 1_000 }];
    const root = await issueKey(owner, { spec: { permissions: ["api_keys:write"], rateLimits } });
    const { token } = await issueKey(app.clientAs(root.token));
    // Without limits, a cached verdict needs no statement.
    await owner.apiKeys.updateApiKey({ id: root.id, updateMask: { paths: ["spec.rate_limits"] } });
    const change = () => owner.apiKeys.updateApiKey({ id: root.id, spec: { rateLimits: [onePerHour] } });
    return { request: { token, cost: 2 }, change, after: "RATE_LIMITED" };
  },
  async SetCredits(owner, app) {
    const { id: keyId, token } = await issueKey(owner);
    const none = { accountId: accountOf(owner), keyId, credits: { remaining: 0 } };
    const change = () => app.clientAs(app.platformToken).accounts.setCredits(none);
    return { request: { token }, change, after: "QUOTA_EXCEEDED" };
  },
  async LogOut(owner, app) {
    const { token } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
    return { request: { token }, change: () => app.clientAs(token).sessions.logOut({}), after: "REVOKED" };
  },
  async ChangePassword(owner, app) {
    const { token } = await app.clientAs("").sessions.logIn({ email: owner.email, password });
    const change = { oldPassword: password, newPassword: `${password} again` };
    return { request: { token }, change: () => owner.sessions.changePassword(change), after: "REVOKED" };
  },
  async DeleteAccount(owner) {
    const { token } = await issueKey(owner);
    const change = () => owner.accounts.deleteAccount({ name: owner.account.metadata?.name ?? "" });
    return { request: { token }, change, after: "ACCOUNT_SUSPENDED" };
  },
};

async function serviceKey(owner: Owner, app: TestApp) {
  const roleId = await newRole(owner, `role ${crypto.randomUUID()}`, "agents:read");
  const teamId = await newTeam(owner, `team ${crypto.randomUUID()}`, roleId);
  const { id: robotId } = await newServiceAccount(owner, `robot ${crypto.randomUUID()}`, teamId);
  const key = await newServiceKey(app, owner, robotId);
  return { key, roleId, teamId, robotId };
}
