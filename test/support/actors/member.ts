import { type Clients, type Owner, password, type TestApp } from "../app.ts";

/** A person in somebody's account. */
export interface Member extends Clients {
  email: string;
  profileId: string;
}

/** Somebody new joins an account by an invite, with this role. */
export async function newMember(app: TestApp, owner: Owner, role: string): Promise<Member> {
  const email = `${crypto.randomUUID()}@example.com`;
  const { id, token } = await invite(owner, email, role);
  const joined = await app.clientAs("").invites.acceptInvite({ id, token, name: "Member", password });
  return { ...app.clientAs(joined.token), email, profileId: joined.profile?.metadata?.id ?? "" };
}

/** Invites somebody, and returns what they need to accept it. */
export async function invite(by: Clients, email: string, role: string) {
  const { invite: made } = await by.invites.createInvite({ email, role });
  return { id: made?.metadata?.id ?? "", token: made?.spec?.token ?? "" };
}

/** Makes a role as this caller, and returns its id. */
export async function newRole(caller: Clients, permissions: string[] = []): Promise<string> {
  const metadata = { name: `role ${crypto.randomUUID()}` };
  const { role } = await caller.roles.createRole({ metadata, spec: { permissions } });
  return role?.metadata?.id ?? "";
}

/** Makes a team as this caller, and returns its id. */
export async function newTeam(caller: Clients, roles: string[] = []): Promise<string> {
  const metadata = { name: `team ${crypto.randomUUID()}` };
  const { team } = await caller.teams.createTeam({ metadata, spec: { roles } });
  return team?.metadata?.id ?? "";
}

/** Makes a service account as this caller, and returns its id. */
export async function newServiceAccount(caller: Clients, teamId: string): Promise<string> {
  const metadata = { name: `service account ${crypto.randomUUID()}` };
  const { serviceAccount } = await caller.serviceAccounts.createServiceAccount({
    metadata,
    spec: { teamId },
  });
  return serviceAccount?.metadata?.id ?? "";
}
