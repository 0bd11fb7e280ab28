import { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { Principal } from "../../../gen/latchkey/v1/principal_pb.ts";
import { newId } from "../../../src/domain/kernel/id.ts";
import { type Clients, issueKey, password, type TestApp } from "../app.ts";

/** Somebody in an account, by their session. */
export interface Member extends Clients {
  email: string;
  profileId: string;
}

/** A key with its token, and its clients. */
export type KeyHolder = Clients & { id: string };

type KeySpec = NonNullable<NonNullable<Parameters<typeof issueKey>[1]>["spec"]>;

/** Invites a stranger, who accepts. `role`: a name or an id. */
export async function newMember(
  app: TestApp,
  owner: Clients,
  role: string,
  workspaceIds: string[] = [],
): Promise<Member> {
  const email = `${newId("user")}@example.com`;
  const { invite } = await owner.invites.createInvite({ email, role, workspaceIds });
  const who = { name: "Somebody", password };
  const accept = { id: invite?.metadata?.id, token: invite?.spec?.token, ...who };
  const { token, profile } = await app.clientAs("").invites.acceptInvite(accept);
  return { ...app.clientAs(token), email, profileId: profile?.metadata?.id ?? "" };
}

/** Invites somebody who left, or who is elsewhere; they accept, signed in. Returns their new profile's id. */
export async function join(owner: Clients, member: Clients, email: string, role: string): Promise<string> {
  const { invite } = await owner.invites.createInvite({ email, role });
  const accept = { id: invite?.metadata?.id, token: invite?.spec?.token };
  return (await member.invites.acceptInvite(accept)).profile?.metadata?.id ?? "";
}

/** Makes a role and returns its id. */
export async function newRole(owner: Clients, name: string, ...permissions: string[]): Promise<string> {
  const { role } = await owner.roles.createRole({ metadata: { name }, spec: { permissions } });
  return role?.metadata?.id ?? "";
}

/** Makes a team and returns its id. `roles`: names or ids. */
export async function newTeam(owner: Clients, name: string, ...roles: string[]): Promise<string> {
  const { team } = await owner.teams.createTeam({ metadata: { name }, spec: { roles } });
  return team?.metadata?.id ?? "";
}

/** Makes a service account and returns its id and its profile's. */
export async function newServiceAccount(owner: Clients, name: string, teamId: string) {
  const request = { metadata: { name }, spec: { teamId } };
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount(request);
  return {
    id: serviceAccount?.metadata?.id ?? "",
    profileId: serviceAccount?.info?.profile?.metadata?.id ?? "",
  };
}

/** An account with a team of one role, and a service account in it. */
export async function newRobot(app: TestApp, ...permissions: string[]) {
  const owner = await app.newAccount();
  const roleId = await newRole(owner, "robots", ...permissions);
  const teamId = await newTeam(owner, "ci", roleId);
  return { owner, roleId, teamId, robot: await newServiceAccount(owner, "robot", teamId) };
}

/** Issues a service key as this caller. */
export async function newServiceKey(
  app: TestApp,
  caller: Clients,
  serviceAccountId: string,
  spec: KeySpec = {},
  initialWorkspaceIds: string[] = [],
): Promise<KeyHolder> {
  const service = { kind: ApiKeyKind.SERVICE, serviceAccountId, ...spec };
  const { id, token } = await issueKey(caller, { spec: service, initialWorkspaceIds });
  return { ...app.clientAs(token), id };
}

/** Issues a developer key of the caller's own. */
export async function newDeveloperKey(
  app: TestApp,
  caller: Clients,
  spec: KeySpec = {},
  initialWorkspaceIds: string[] = [],
): Promise<KeyHolder> {
  const developer = { kind: ApiKeyKind.DEVELOPER, ...spec };
  const { id, token } = await issueKey(caller, { spec: developer, initialWorkspaceIds });
  return { ...app.clientAs(token), id };
}

/** Who a bearer is now, as it is told itself. */
export async function principalOf(bearer: Clients): Promise<Principal> {
  const { principal } = await bearer.profiles.whoAmI({});
  if (!principal) throw new Error("WhoAmI answered without a principal");
  return principal;
}

/** What a bearer may do now. */
export async function permissionsOf(bearer: Clients): Promise<string[]> {
  return (await principalOf(bearer)).permissions;
}
