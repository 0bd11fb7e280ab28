import type { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { inviteFirstOwner } from "../domain/account/first-owner.ts";
import { openAccount } from "../domain/account/open.ts";
import {
  resumeAccount,
  searchAccounts,
  setEntitlements,
  setRateLimits,
  suspendAccount,
} from "../domain/account/platform.ts";
import { addCredits, removeCredits, setCredits } from "../domain/credit/change.ts";
import type { InviteDeps } from "../domain/invite/invite.ts";
import { accountMessage } from "./account-message.ts";
import { creditsMessage, creditsOf } from "./credit-message.ts";
import { inviteMessage } from "./invite-message.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { newRateLimits } from "./rate-limit-message.ts";
import { commonFields } from "./resource-request.ts";

type PlatformAccount =
  | "searchAccounts"
  | "openAccount"
  | "inviteFirstOwner"
  | "setEntitlements"
  | "setRateLimits"
  | "setCredits"
  | "addCredits"
  | "removeCredits"
  | "suspendAccount"
  | "resumeAccount";

/** The part of `AccountService` by which the platform administers all accounts. */
export function platformAccountOperations(
  db: Store,
  deps: InviteDeps,
): Pick<Operations<typeof AccountService>, PlatformAccount> {
  return {
    async searchAccounts(request) {
      const { items, nextCursor } = await searchAccounts(db, request);
      return { items: items.map((account) => accountMessage(account)), pagination: { nextCursor } };
    },
    async openAccount({ metadata, requestId, ownerEmail, entitlements }, context) {
      const input = { ...commonFields({ metadata, requestId }), ownerEmail, entitlements };
      const { account, invite } = await openAccount(db, callerOf(context), deps, input);
      return { account: accountMessage(account), ...(invite && { invite: inviteMessage(invite) }) };
    },
    async inviteFirstOwner(request, context) {
      return { invite: inviteMessage(await inviteFirstOwner(db, callerOf(context), deps, request)) };
    },
    async setEntitlements({ accountId, entitlements }, context) {
      return {
        account: accountMessage(await setEntitlements(db, callerOf(context), accountId, entitlements)),
      };
    },
    async setRateLimits({ accountId, rateLimits }, context) {
      const limits = newRateLimits(rateLimits);
      return { account: accountMessage(await setRateLimits(db, callerOf(context), accountId, limits)) };
    },
    async setCredits({ credits, requestId, ...target }, context) {
      const set = await setCredits(db, callerOf(context), target, creditsOf(credits), requestId);
      return { credits: creditsMessage(set) };
    },
    async addCredits({ amount, requestId, ...target }, context) {
      const added = await addCredits(db, callerOf(context), target, amount, requestId);
      return { credits: creditsMessage(added) };
    },
    async removeCredits(target, context) {
      await removeCredits(db, callerOf(context), target);
      return {};
    },
    async suspendAccount({ accountId }, context) {
      return { account: accountMessage(await suspendAccount(db, callerOf(context), accountId)) };
    },
    async resumeAccount({ accountId }, context) {
      return { account: accountMessage(await resumeAccount(db, callerOf(context), accountId)) };
    },
  };
}
