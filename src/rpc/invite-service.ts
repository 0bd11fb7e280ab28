import type { InviteService } from "../../gen/latchkey/v1/invite_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { acceptInvite } from "../domain/invite/accept.ts";
import { createInvite, type InviteDeps, listInvites } from "../domain/invite/invite.ts";
import { revokeInvite } from "../domain/invite/revoke.ts";
import type { SessionDeps } from "../domain/session/session.ts";
import { accountMessage } from "./account-message.ts";
import { inviteMessage } from "./invite-message.ts";
import { profileMessage } from "./messages.ts";
import { handOver } from "./middleware/console-call.ts";
import { callerOf, callOf, optionalUserOf } from "./middleware/context.ts";
import type { PeopleLimits } from "./middleware/people-limits.ts";
import type { Operations } from "./operations.ts";

/** `InviteService`: invites people to an account. */
export function inviteService(
  db: Store,
  deps: InviteDeps & SessionDeps & { tokenPrefix: string; limits: PeopleLimits },
): Operations<typeof InviteService> {
  return {
    async createInvite(request, context) {
      return { invite: inviteMessage(await createInvite(db, callerOf(context), deps, request)) };
    },
    async listInvites(request, context) {
      const { items, nextCursor } = await listInvites(db, callerOf(context), request);
      return { items: items.map(inviteMessage), pagination: { nextCursor } };
    },
    async revokeInvite({ id }, context) {
      return { invite: inviteMessage(await revokeInvite(db, callerOf(context), id)) };
    },
    async acceptInvite(request, context) {
      const [call, user] = [callOf(context), optionalUserOf(context)];
      // A call without a bearer is a sign-up, which hashes a password.
      if (!user) await deps.limits.signUps.spend(call.addressKey);
      const { account, profile, token } = await acceptInvite(db, call, user, deps, request);
      return {
        account: accountMessage(account),
        profile: profileMessage(account.id, profile),
        token: handOver(context, token),
      };
    },
  };
}
