import { ApiKeyKind } from "../../../gen/latchkey/v1/api_key_pb.ts";
import type { Principal } from "../../../gen/latchkey/v1/principal_pb.ts";
import { newId } from "../../../src/domain/kernel/id.ts";
import { mintToken } from "../../../src/domain/kernel/token.ts";
import { insertSession } from "../../../src/domain/session/create.ts";
import { type Clients, issueKey, password, type SharedApp } from "../app.ts";

/** A member of an account, with the clients of its session. */
export interface Member extends Clients {
  email: string;
  profileId: string;
}

/** A key, with the clients that use its token. */
export type KeyHolder = Clients & { id: string };

type KeySpec = NonNullable<NonNullable<Parameters<typeof issueKey>[1]>["spec"]>;

/** An invitation. `role`: a name or an id. */
export interface Invitation {
  email: string;
  role: string;
  workspaceIds?: string[];
}

/** Invites a new user, who accepts. `role`: a name or an id. */
export function newMember(
  app: SharedApp,
  inviter: Clients,
  role: string,
  workspaceIds: string[] = [],
): Promise<Member> {
  return join(app, inviter, { email: newEmail(), role, workspaceIds });
}

/** Invites a new user with this address, who accepts. For apps without SMTP. */
export async function join(app: SharedApp, inviter: Clients, invitation: Invitation): Promise<Member> {
  const invite = await inviteOf(inviter, invitation);
  const joined = await app.clientAs("").invites.acceptInvite({ ...invite, name: "Member", password });
  const profileId = joined.profile?.metadata?.id ?? "";
  return { ...app.clientAs(joined.token), profileId, email: invitation.email };
}

/** Invites an existing user, who accepts while signed in. Returns the id of the new profile. */
export async function joinSignedIn(
  inviter: Clients,
  user: Clients,
  email: string,
  role: string,
): Promise<string> {
  const { profile } = await user.invites.acceptInvite(await inviteOf(inviter, { email, role }));
  return profile?.metadata?.id ?? "";
}

/** Creates an invite and returns what its acceptance needs. For apps without SMTP. */
export async function inviteOf(
  inviter: Clients,
  invitation: Invitation,
): Promise<{ id: string; token: string }> {
  const { invite } = await inviter.invites.createInvite(invitation);
  return { id: invite?.metadata?.id ?? "", token: invite?.spec?.token ?? "" };
}

/** Logs a user in with the password that all test users have. */
export async function logIn(app: SharedApp, email: string, secret = password): Promise<Clients> {
  const { token } = await app.clientAs("").sessions.logIn({ email, password: secret });
  return app.clientAs(token);
}

/** Creates a session of a user without a log-in, because log-ins are slow and limited. Returns its token. */
export async function newSession(app: SharedApp, email: string): Promise<string> {
  const user = await app.pool
    .selectFrom("user")
    .select("id")
    .where("email", "=", email)
    .executeTakeFirstOrThrow();
  const mint = mintToken.bind(undefined, "lk");
  const deps = { mint, lifetimeMs: 3_600_000 } as Parameters<typeof insertSession>[1];
  return app.pool.transaction().execute(async (tx) => (await insertSession(tx, deps, user.id)).token);
}

/** Returns a new e-mail address. */
export function newEmail(): string {
  return `${newId("user")}@example.com`;
}

/** Returns a new name. */
export function newName(): string {
  return `new ${crypto.randomUUID()}`;
}

/** Creates a role and returns its id. */
export async function newRole(owner: Clients, name = newName(), ...permissions: string[]): Promise<string> {
  const { role } = await owner.roles.createRole({ metadata: { name }, spec: { permissions } });
  return role?.metadata?.id ?? "";
}

/** Creates a team and returns its id. `roles` are names or ids. */
export async function newTeam(owner: Clients, name = newName(), ...roles: string[]): Promise<string> {
  const { team } = await owner.teams.createTeam({ metadata: { name }, spec: { roles } });
  return team?.metadata?.id ?? "";
}

/** Creates a service account and returns its id and the id of its profile. */
export async function newServiceAccount(owner: Clients, name: string, teamId: string) {
  const request = { metadata: { name }, spec: { teamId } };
  const { serviceAccount } = await owner.serviceAccounts.createServiceAccount(request);
  return {
    id: serviceAccount?.metadata?.id ?? "",
    profileId: serviceAccount?.info?.profile?.metadata?.id ?? "",
  };
}

/** Creates an account with a team of one role, and a service account in that team. */
export async function newRobot(app: SharedApp, ...permissions: string[]) {
  const owner = await app.newAccount();
  const roleId = await newRole(owner, "robots", ...permissions);
  const teamId = await newTeam(owner, "ci", roleId);
  return { owner, roleId, teamId, robot: await newServiceAccount(owner, "robot", teamId) };
}

/** Issues a service key as this caller. */
export async function newServiceKey(
  app: SharedApp,
  caller: Clients,
  serviceAccountId: string,
  spec: KeySpec = {},
  initialWorkspaceIds: string[] = [],
): Promise<KeyHolder> {
  const service = { kind: ApiKeyKind.SERVICE, serviceAccountId, ...spec };
  const { id, token } = await issueKey(caller, { spec: service, initialWorkspaceIds });
  return { ...app.clientAs(token), id };
}

/** Issues a developer key for the caller itself. */
export async function newDeveloperKey(
  app: SharedApp,
  caller: Clients,
  spec: KeySpec = {},
  initialWorkspaceIds: string[] = [],
): Promise<KeyHolder> {
  const developer = { kind: ApiKeyKind.DEVELOPER, ...spec };
  const { id, token } = await issueKey(caller, { spec: developer, initialWorkspaceIds });
  return { ...app.clientAs(token), id };
}

/** Returns the principal of a bearer, as `WhoAmI` reports it. */
export async function principalOf(bearer: Clients): Promise<Principal> {
  const { principal } = await bearer.profiles.whoAmI({});
  if (!principal) throw new Error("WhoAmI returned no principal");
  return principal;
}

/** Returns the permissions of a bearer, as `WhoAmI` reports them. */
export async function permissionsOf(bearer: Clients): Promise<string[]> {
  return (await principalOf(bearer)).permissions;
}
