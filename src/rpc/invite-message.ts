import type { MessageInitShape } from "@bufbuild/protobuf";
import { type InviteSchema, InviteState } from "../../gen/latchkey/v1/invite_pb.ts";
import type { Invite } from "../domain/invite/invite.ts";
import { inviteStateOf, type InviteState as State } from "../domain/invite/invite-state.ts";
import { profileMessage, timestamp } from "./messages.ts";

const states: Record<State, InviteState> = {
  pending: InviteState.PENDING,
  accepted: InviteState.ACCEPTED,
  revoked: InviteState.REVOKED,
  expired: InviteState.EXPIRED,
};

/** Returns the message of an invite. It contains the token only in the response that made the invite, and only without SMTP. */
export function inviteMessage(invite: Invite): MessageInitShape<typeof InviteSchema> {
  const { id, account_id: accountId, email } = invite;
  return {
    metadata: {
      id,
      accountId,
      name: email,
      profileId: invite.created_by,
      createdAt: timestamp(invite.created_at),
    },
    spec: {
      token: invite.token ?? "",
      email,
      role: invite.role_id ?? "",
      workspaceIds: invite.workspace_ids,
      expiresAt: timestamp(invite.expires_at),
    },
    info: {
      ...(invite.maker && { createdBy: profileMessage(accountId, invite.maker) }),
      acceptedAt: timestamp(invite.accepted_at),
      revokedAt: timestamp(invite.revoked_at),
    },
    state: states[inviteStateOf(invite)],
  };
}
