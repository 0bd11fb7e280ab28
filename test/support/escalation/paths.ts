import type { Company } from "../actors/company.ts";
import type { Clients } from "../app.ts";
import { keyPaths } from "./key-paths.ts";

/** An escalation path: the call, the method in the audit log, and what the error says is missing. */
export interface EscalationPath {
  what: string;
  method: string;
  call(by: Clients, at: Company): Promise<unknown>;
  missing?: string;
  workspace?: (at: Company) => string;
  /**
   * Set if the result is valid in every environment, like people and service accounts. Then a key with an environment
   * gets that error first.
   */
  environment?: "none";
}

const stronger = "agents:write";
const other = ({ other }: Company) => other;
const every = () => "*";

/** Every path by which a caller could give a principal more than the caller holds. */
export const escalationPaths: EscalationPath[] = [
  ...keyPaths,
  {
    what: "invites to a stronger role",
    environment: "none",
    method: "CreateInvite",
    call: ({ invites }) => invites.createInvite({ email: "up@example.com", role: "strong" }),
    missing: stronger,
  },
  {
    what: "invites an admin",
    environment: "none",
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
    environment: "none",
    method: "CreateInvite",
    call: ({ invites }, { mine, other }) =>
      invites.createInvite({ email: "up@example.com", role: "weak", workspaceIds: [mine, other] }),
    workspace: other,
  },
  {
    what: "invites into another workspace by adding a member there",
    environment: "none",
    method: "AddWorkspaceMember",
    call: ({ workspaceAdmin }, { other }) =>
      workspaceAdmin.addWorkspaceMember({ workspaceId: other, email: "up@example.com", role: "weak" }),
    workspace: other,
  },
  {
    what: "makes a stronger role",
    environment: "none",
    method: "CreateRole",
    call: ({ roles }) => roles.createRole({ metadata: { name: "x" }, spec: { permissions: [stronger] } }),
    missing: stronger,
  },
  {
    what: "edits a role to allow more",
    environment: "none",
    method: "UpdateRole",
    call: ({ roles }, at) =>
      roles.updateRole({ id: at.roles.weak, spec: { permissions: ["agents:read", stronger] } }),
    workspace: every,
  },
  {
    what: "replaces a deleted role with a stronger one",
    environment: "none",
    method: "DeleteRole",
    call: ({ roles }, at) => roles.deleteRole({ id: at.roles.weak, replacement: "strong" }),
    workspace: every,
  },
  {
    what: "replaces a deleted role with admin",
    environment: "none",
    method: "DeleteRole",
    call: ({ roles }, at) => roles.deleteRole({ id: at.roles.weak, replacement: "admin" }),
    workspace: every,
  },
  {
    what: "makes a team with a stronger role",
    environment: "none",
    method: "CreateTeam",
    call: ({ teams }) => teams.createTeam({ metadata: { name: "x" }, spec: { roles: ["strong"] } }),
    missing: stronger,
  },
  {
    what: "gives a team a stronger role",
    environment: "none",
    method: "UpdateTeam",
    call: ({ teams }, at) => teams.updateTeam({ id: at.teams.weak, spec: { roles: ["weak", "strong"] } }),
    workspace: every,
  },
  {
    what: "replaces a deleted team with a stronger one",
    environment: "none",
    method: "DeleteTeam",
    call: ({ teams }, at) => teams.deleteTeam({ id: at.teams.weak, replacement: at.teams.strong }),
    workspace: every,
  },
  {
    what: "moves oneself into a stronger team",
    environment: "none",
    method: "AddTeamMember",
    call: ({ teams }, at) => teams.addTeamMember({ id: at.teams.strong, profileId: at.lesser.profileId }),
    missing: stronger,
  },
  {
    what: "moves somebody else into a stronger team",
    environment: "none",
    method: "AddTeamMember",
    call: ({ teams }, at) => teams.addTeamMember({ id: at.teams.strong, profileId: at.colleague }),
    missing: stronger,
  },
  {
    what: "makes a service account in a stronger team",
    environment: "none",
    method: "CreateServiceAccount",
    call: ({ serviceAccounts }, { teams }) =>
      serviceAccounts.createServiceAccount({ metadata: { name: "x" }, spec: { teamId: teams.strong } }),
    workspace: every,
  },
  {
    what: "moves a service account to a stronger team",
    environment: "none",
    method: "UpdateServiceAccount",
    call: ({ serviceAccounts }, { robots, teams }) =>
      serviceAccounts.updateServiceAccount({ id: robots.weak, spec: { teamId: teams.strong } }),
    workspace: every,
  },
  {
    what: "grants oneself another workspace",
    environment: "none",
    method: "AddWorkspaceMember",
    call: ({ workspaceAdmin }, { other, lesser: { profileId } }) =>
      workspaceAdmin.addWorkspaceMember({ workspaceId: other, profileId }),
    workspace: other,
  },
  {
    what: "grants somebody another workspace by e-mail",
    environment: "none",
    method: "AddWorkspaceMember",
    call: ({ workspaceAdmin }, { other, lesser: { email } }) =>
      workspaceAdmin.addWorkspaceMember({ workspaceId: other, email }),
    workspace: other,
  },
  {
    what: "sets one's own role to a stronger one",
    environment: "none",
    method: "SetProfileRole",
    call: ({ profiles }, { lesser }) => profiles.setProfileRole({ id: lesser.profileId, role: "strong" }),
    missing: stronger,
  },
  {
    what: "sets somebody's role to a stronger one",
    environment: "none",
    method: "SetProfileRole",
    call: ({ profiles }, at) => profiles.setProfileRole({ id: at.colleague, role: at.roles.strong }),
    missing: stronger,
  },
  {
    what: "sets one's own role to admin",
    environment: "none",
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
