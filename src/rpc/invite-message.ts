import type { MessageInitShape } from "@bufbuild/protobuf";
import { type InviteSchema, InviteState } from "../../gen/latchkey/v1/invite_pb.ts";
import type { Invite } from "../domain/invite/invite.ts";
import { profileMessage, timestamp } from "./messages.ts";

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
    state: state(invite),
  };
}

function state(invite: Invite): InviteState {
  if (invite.accepted_at) return InviteState.ACCEPTED;
  if (invite.revoked_at) return InviteState.REVOKED;
  return invite.expired ? InviteState.EXPIRED : InviteState.PENDING;
}
