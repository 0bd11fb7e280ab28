import {
  type AccountService,
  type UpdateAccountRequest,
  UpdateAccountRequestSchema,
} from "../../gen/latchkey/v1/account_service_pb.ts";
import type { Store } from "../db/connect.ts";
import { type AccountUpdate, getAccount, listAccounts, updateAccount } from "../domain/account/account.ts";
import { createAccount } from "../domain/account/create.ts";
import { deleteAccount } from "../domain/account/delete.ts";
import type { MintDeps } from "../domain/api-key/create.ts";
import type { InviteDeps } from "../domain/invite/invite.ts";
import { accountMessage } from "./account-message.ts";
import { changeable } from "./changeable.ts";
import { latestEffectiveAt } from "./effective.ts";
import { globalApiKeyOperations } from "./global-api-key.ts";
import { profileMessage } from "./messages.ts";
import { callerOf, userOf } from "./middleware/context.ts";
import { type PeopleLimits, spendAsUser } from "./middleware/people-limits.ts";
import type { Operations } from "./operations.ts";
import { platformAccountOperations } from "./platform-account.ts";
import { commonFields, commonUpdate } from "./resource-request.ts";
import { changedFields } from "./update-mask.ts";

/** What the account service depends on. */
export interface AccountServiceDeps extends InviteDeps, Pick<MintDeps, "mint" | "bounds"> {
  limits: PeopleLimits;
}

/** `AccountService`: the caller's account, the accounts of a user, and all accounts for the platform. */
export function accountService(db: Store, deps: AccountServiceDeps): Operations<typeof AccountService> {
  return {
    ...globalApiKeyOperations(db, deps),
    ...platformAccountOperations(db, deps),
    async getAccount(_request, context) {
      return { account: accountMessage(await getAccount(db, callerOf(context)), latestEffectiveAt(db)) };
    },
    async updateAccount(request, context) {
      return { account: accountMessage(await updateAccount(db, callerOf(context), accountUpdate(request))) };
    },
    async listAccounts(request, context) {
      const { items, nextCursor } = await listAccounts(db, userOf(context), request);
      return { items: items.map((account) => accountMessage(account)), pagination: { nextCursor } };
    },
    async createAccount(request, context) {
      const user = userOf(context);
      await spendAsUser(deps.limits.signUps, user);
      const { account, profile } = await createAccount(db, user, deps, commonFields(request));
      return { account: accountMessage(account), profile: profileMessage(account.id, profile) };
    },
    async deleteAccount({ name }, context) {
      return { account: accountMessage(await deleteAccount(db, callerOf(context), name)) };
    },
  };
}

function accountUpdate(request: UpdateAccountRequest): AccountUpdate {
  return commonUpdate(
    request,
    changedFields(UpdateAccountRequestSchema, request, request.updateMask, changeable.UpdateAccountRequest),
  );
}
