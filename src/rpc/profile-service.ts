import type { ServiceImpl } from "@connectrpc/connect";
import type { ProfileService } from "../../gen/latchkey/v1/profile_service_pb.ts";
import { callerOf } from "./context.ts";
import { profileMessage } from "./messages.ts";
import { principalMessage } from "./principal-message.ts";

/** `ProfileService`: who is who in an account. */
export function profileService(): ServiceImpl<typeof ProfileService> {
  return {
    async whoAmI(_request, context) {
      const caller = callerOf(context);
      return {
        profile: profileMessage(caller.accountId, caller.profile),
        principal: principalMessage(caller),
      };
    },
  };
}
