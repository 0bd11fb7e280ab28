import { createClient } from "@connectrpc/connect";
import { SessionService } from "../gen/latchkey/v1/session_service_pb.ts";
import { useConnection } from "./connection.ts";
import { needsLogIn, sentenceOf } from "./errors.ts";
import { useToast } from "./ui/toast.tsx";

/** Returns a function that ends the session, in every tab. */
export function useLogOut(): () => Promise<void> {
  const { transport, tabs, account, user } = useConnection();
  const show = useToast();
  return async () => {
    // Without a user, the transport does not ask to log in again.
    const before = user.get();
    user.set(undefined);
    try {
      await createClient(SessionService, transport).logOut({});
    } catch (error) {
      if (!needsLogIn(error)) {
        user.set(before);
        return show(sentenceOf(error));
      }
    }
    account.set(undefined);
    tabs.tell("signed-out");
    // Nothing of the session stays in memory.
    location.assign("/console/");
  };
}
