import { ApiKeyKind, WorkspaceScope } from "../../gen/latchkey/v1/api_key_pb.ts";
import { inSeconds, rotate } from "./api-key.ts";
import type { Clients } from "./app.ts";
import type { Company } from "./company.ts";

const { SERVICE, APPLICATION } = ApiKeyKind;
const { ALL, SELECTED } = WorkspaceScope;

/** A way up: who calls what, which method the audit log then names, and what the refusal says is missing. */
export interface Way {
  what: string;
  method: string;
  call(by: Clients, at: Company): Promise<unknown>;
  missing?: string;
  workspace?: (at: Company) => string;
  /** What it is about has no environment: a key that has one is told that first. */
  environment?: "none";
}

const key = (spec: object) => ({ metadata: { name: "x" }, spec });
const stronger = "agents:write";
const other = ({ other }: Company) => other;
const every = () => "*";

/** Every path by which somebody could be given more than the giver holds. */
export const ways: Way[] = [
  {
    what: "mints an application key with more",
    method: "CreateApiKey",
    call: ({ apiKeys }) => apiKeys.createApiKey(key({ kind: APPLICATION, permissions: [stronger] })),
    missing: stronger,
  },
  {
    what: "mints a service key of a stronger team",
    environment: "none",
    method: "CreateApiKey",
    call: ({ apiKeys }, { robots }) =>
      apiKeys.createApiKey(key({ kind: SERVICE, serviceAccountId: robots.strong, workspaceScope: SELECTED })),
    missing: stronger,
  },
  {
    what: "mints a service key for every workspace",
    environment: "none",
    method: "CreateApiKey",
    call: ({ apiKeys }, { robots }) =>
      apiKeys.createApiKey(key({ kind: SERVICE, serviceAccountId: robots.weak })),
    workspace: every,
  },
  {
    what: "updates an application key to more",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.application, spec: { permissions: [stronger] } }),
    missing: stronger,
  },
  {
    what: "updates a service key to more of what its team may",
    environment: "none",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.narrow, spec: { permissions: [stronger] } }),
    missing: stronger,
  },
  {
    what: "updates a service key to every workspace",
    environment: "none",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.selected, spec: { workspaceScope: ALL } }),
    workspace: every,
  },
  {
    what: "prolongs a stronger service key",
    environment: "none",
    method: "UpdateApiKey",
    call: ({ apiKeys }, { keys }) =>
      apiKeys.updateApiKey({ id: keys.ending, spec: { expiresAt: inSeconds(7200) } }),
    missing: stronger,
  },
  {
    what: "rotates a stronger service key",
    environment: "none",
    method: "RotateApiKey",
    call: (by, { keys }) => rotate(by, keys.strong, 60),
    missing: stronger,
  },
  {
    what: "invites to a stronger role",
    method: "CreateInvite",
    call: ({ invites }) => invites.createInvite({ email: "up@example.com", role: "strong" }),
    missing: stronger,
  },
  {
    what: "invites an admin",
    method: "CreateInvite",
    call: ({ invites }) => invites.createInvite({ email: "up@example.com", role: "admin" }),
    workspace: every,
  },
  {
    what: "invites an owner",
    method: "CreateInvite",
    call: ({ invites }) => invites.createInvite({ email: "up@example.com", role: "owner" }),
    missing: "*",
  },
  {
    what: "invites into another workspace",
    method: "CreateInvite",
    call: ({ invites }, { mine, other }) =>
      invites.createInvite({ email: "up@example.com", role: "weak", workspaceIds: [mine, other] }),
    workspace: other,
  },
  {
    what: "invites into another workspace by adding a member there",
    method: "AddWorkspaceMember",
    call: ({ workspaceAdmin }, { other }) =>
      workspaceAdmin.addWorkspaceMember({ workspaceId: other, email: "up@example.com", role: "weak" }),
    workspace: other,
  },
  {
    what: "makes a stronger role",
    method: "CreateRole",
    call: ({ roles }) => roles.createRole({ metadata: { name: "x" }, spec: { permissions: [stronger] } }),
    missing: stronger,
  },
  {
    what: "edits a role to allow more",
    method: "UpdateRole",
    call: ({ roles }, at) =>
      roles.updateRole({ id: at.roles.weak, spec: { permissions: ["agents:read", stronger] } }),
    missing: stronger,
  },
  {
    what: "replaces a deleted role with a stronger one",
    method: "DeleteRole",
    call: ({ roles }, at) => roles.deleteRole({ id: at.roles.weak, replacement: "strong" }),
    missing: stronger,
  },
  {
    what: "replaces a deleted role with admin",
    method: "DeleteRole",
    call: ({ roles }, at) => roles.deleteRole({ id: at.roles.weak, replacement: "admin" }),
    workspace: every,
  },
  {
    what: "makes a team with a stronger role",
    method: "CreateTeam",
    call: ({ teams }) => teams.createTeam({ metadata: { name: "x" }, spec: { roles: ["strong"] } }),
    missing: stronger,
  },
  {
    what: "gives a team a stronger role",
    method: "UpdateTeam",
    call: ({ teams }, at) => teams.updateTeam({ id: at.teams.weak, spec: { roles: ["weak", "strong"] } }),
    missing: stronger,
  },
  {
    what: "replaces a deleted team with a stronger one",
    method: "DeleteTeam",
    call: ({ teams }, at) => teams.deleteTeam({ id: at.teams.weak, replacement: at.teams.strong }),
    missing: stronger,
  },
  {
    what: "moves oneself into a stronger team",
    method: "AddTeamMember",
    call: ({ teams }, at) => teams.addTeamMember({ id: at.teams.strong, profileId: at.lesser.profileId }),
    missing: stronger,
  },
  {
    what: "moves somebody else into a stronger team",
    method: "AddTeamMember",
    call: ({ teams }, at) => teams.addTeamMember({ id: at.teams.strong, profileId: at.colleague }),
    missing: stronger,
  },
  {
    what: "makes a service account in a stronger team",
    method: "CreateServiceAccount",
    call: ({ serviceAccounts }, { teams }) =>
      serviceAccounts.createServiceAccount({ metadata: { name: "x" }, spec: { teamId: teams.strong } }),
    missing: stronger,
  },
  {
    what: "moves a service account to a stronger team",
    method: "UpdateServiceAccount",
    call: ({ serviceAccounts }, { robots, teams }) =>
      serviceAccounts.updateServiceAccount({ id: robots.weak, spec: { teamId: teams.strong } }),
    missing: stronger,
  },
  {
    what: "grants oneself another workspace",
    method: "AddWorkspaceMember",
    call: ({ workspaceAdmin }, { other, lesser: { profileId } }) =>
      workspaceAdmin.addWorkspaceMember({ workspaceId: other, profileId }),
    workspace: other,
  },
  {
    what: "grants somebody another workspace by e-mail",
    method: "AddWorkspaceMember",
    call: ({ workspaceAdmin }, { other, lesser: { email } }) =>
      workspaceAdmin.addWorkspaceMember({ workspaceId: other, email }),
    workspace: other,
  },
  {
    what: "grants a service key another workspace",
    environment: "none",
    method: "AddApiKeyWorkspace",
    call: ({ apiKeys }, { keys, other }) =>
      apiKeys.addApiKeyWorkspace({ id: keys.selected, workspaceId: other }),
    workspace: other,
  },
  {
    what: "sets one's own role to a stronger one",
    method: "SetProfileRole",
    call: ({ profiles }, { lesser }) => profiles.setProfileRole({ id: lesser.profileId, role: "strong" }),
    missing: stronger,
  },
  {
    what: "sets somebody's role to a stronger one",
    method: "SetProfileRole",
    call: ({ profiles }, at) => profiles.setProfileRole({ id: at.colleague, role: at.roles.strong }),
    missing: stronger,
  },
  {
    what: "sets one's own role to admin",
    method: "SetProfileRole",
    call: ({ profiles }, { lesser }) => profiles.setProfileRole({ id: lesser.profileId, role: "admin" }),
    workspace: every,
  },
  {
    what: "makes an owner",
    method: "SetProfileRole",
    call: ({ profiles }, { lesser }) => profiles.setProfileRole({ id: lesser.profileId, role: "owner" }),
    missing: "*",
  },
  {
    what: "demotes an owner",
    method: "SetProfileRole",
    call: ({ profiles }, { owner }) =>
      profiles.setProfileRole({ id: owner.profile.metadata?.id, role: "weak" }),
    missing: "*",
  },
  {
    what: "removes an owner",
    method: "RemoveProfile",
    call: ({ profiles }, { owner }) => profiles.removeProfile({ id: owner.profile.metadata?.id }),
    missing: "*",
  },
];
