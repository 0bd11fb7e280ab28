import { type Member, newMember, newServiceAccount } from "../actors/actors.ts";
import { type Clients, issueKey, newWorkspace, password, type SharedApp } from "../app.ts";

/** An account with one of each thing that the console shows. */
export interface Acme {
  owner: Clients;
  email: string;
  /** A member with the role `viewer`. */
  viewer: Member;
  viewerName: string;
  workspaceId: string;
  teamId: string;
  roleId: string;
  robotId: string;
  keyId: string;
  keyToken: string;
}

/** Makes the account. `named` makes each name and description from a plain one. */
export async function newAcme(
  app: SharedApp,
  named: (name: string) => string = (name) => name,
): Promise<Acme> {
  const email = `ann-${crypto.randomUUID()}@example.com`;
  const ann = { email, password, name: named("Ann"), accountName: named("Acme") };
  const { token } = await app.clientAs("").sessions.signUp(ann);
  const owner = app.clientAs(token);
  const workspaceId = await newWorkspace(owner, named("Production"));
  await newWorkspace(owner, named("Staging"));
  const description = named("what it is for");
  const { role } = await owner.roles.createRole({
    metadata: { name: named("Support"), labels: { area: "care" } },
    spec: { description, permissions: ["tickets:manage", "customers:read"] },
  });
  const roleId = role?.metadata?.id ?? "";
  const { team } = await owner.teams.createTeam({
    metadata: { name: named("Platform") },
    spec: { description, roles: [roleId] },
  });
  const teamId = team?.metadata?.id ?? "";
  const robot = await newServiceAccount(owner, named("Nightly build"), teamId);
  const viewer = await newMember(app, owner, "viewer", [workspaceId]);
  await owner.teams.addTeamMember({ id: teamId, profileId: viewer.profileId });
  await owner.invites.createInvite({ email: "carol@example.com", role: "viewer" });
  const key = await issueKey(owner, {
    metadata: { name: named("Checkout") },
    spec: { permissions: ["workspaces:write"] },
  });
  await owner.apiKeys.addApiKeyWorkspace({ id: key.id, workspaceId });
  const accounts = { workspaceId, teamId, roleId, robotId: robot.id, keyId: key.id, keyToken: key.token };
  return { owner, email, viewer, viewerName: "Member", ...accounts };
}

/** The pages of an account, with the heading of each. */
export function accountPagesOf({
  workspaceId,
  teamId,
}: Pick<Acme, "workspaceId" | "teamId">): Record<string, string> {
  return {
    "/workspaces": "Workspaces",
    [`/workspaces/${workspaceId}`]: "Production",
    "/people": "People",
    "/invites": "Invites",
    "/teams": "Teams",
    [`/teams/${teamId}`]: "Platform",
    "/service-accounts": "Service accounts",
    "/roles": "Roles",
    "/audit": "Audit log",
    "/usage": "Usage",
    "/account": "Acme",
  };
}
