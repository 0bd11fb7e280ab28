import type { Invite } from "./invite.ts";

/** The state of an invite. Only a pending invite can be accepted. */
export type InviteState = "pending" | "accepted" | "revoked" | "expired";

/** Returns the state of an invite. If several apply, it is the first one of accepted, revoked, expired. */
export function inviteStateOf(invite: Pick<Invite, "accepted_at" | "revoked_at" | "expired">): InviteState {
  if (invite.accepted_at) return "accepted";
  if (invite.revoked_at) return "revoked";
  return invite.expired ? "expired" : "pending";
}
