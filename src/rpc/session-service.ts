import type { ServiceImpl } from "@connectrpc/connect";
import type { SessionService } from "../../gen/latchkey/v1/session_service_pb.ts";
import type { Db } from "../db/connect.ts";
import { logIn, logOut, type SessionDeps, signUp } from "../domain/session.ts";
import { accountMessage } from "./account-message.ts";
import { callOf, userOf } from "./context.ts";
import { profileMessage } from "./messages.ts";

/** `SessionService`: signs people up, in and out. */
export function sessionService(db: Db, deps: SessionDeps): ServiceImpl<typeof SessionService> {
  return {
    async signUp(request, context) {
      const { account, profile, token } = await signUp(db, callOf(context), deps, request);
      return { account: accountMessage(account), profile: profileMessage(account.id, profile), token };
    },
    async logIn(request, context) {
      const { token, accounts } = await logIn(db, callOf(context), deps, request);
      return { token, accounts: accounts.map(accountMessage) };
    },
    async logOut(_request, context) {
      await logOut(db, userOf(context));
      return {};
    },
  };
}
