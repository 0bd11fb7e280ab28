import { type Invitation, inviteOf, newEmail } from "../actors/actors.ts";
import type { Clients, Owner } from "../app.ts";

/** A person who can be invited. They are a member while they have a profile. */
export interface Candidate {
  user: Owner;
  member: Clients;
  profileId: string;
}

/** A person with an external identity: a guest or a member of the account. */
export interface ExternalUser {
  /** The id by which the search knows the person. Their profile changes when they become a member. */
  id: string;
  token: string;
  as: Clients;
  profileId: string;
}

/** Invites a person as this caller, and the person accepts. */
export async function join(
  by: Clients,
  person: Candidate,
  role: string,
  workspaceIds: string[],
): Promise<void> {
  person.profileId = await accept(by, person.user, { email: person.user.email, role, workspaceIds });
}

/** The same for a person with an external identity, who has no address yet. */
export async function joinExternalUser(
  by: Clients,
  person: ExternalUser,
  role: string,
  workspaceIds: string[],
): Promise<void> {
  person.profileId = await accept(by, person.as, { email: newEmail(), role, workspaceIds });
}

async function accept(by: Clients, as: Clients, invited: Invitation): Promise<string> {
  const { profile } = await as.invites.acceptInvite(await inviteOf(by, invited));
  return profile?.metadata?.id ?? "";
}
