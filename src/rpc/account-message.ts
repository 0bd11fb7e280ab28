import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AccountSchema, AccountState } from "../../gen/latchkey/v1/account_pb.ts";
import type { Account } from "../domain/account/account.ts";
import { accountStateOf, type AccountState as State } from "../domain/account/account-state.ts";
import { etagOf } from "../domain/kernel/list.ts";
import { apiKeyMessage } from "./api-key-message.ts";
import { creditsMessage } from "./credit-message.ts";
import type { EffectiveAt } from "./effective.ts";
import { metadataMessage, timestamp } from "./messages.ts";
import { rateLimitMessage } from "./rate-limit-message.ts";

const states: Record<State, AccountState> = {
  active: AccountState.ACTIVE,
  suspended: AccountState.SUSPENDED,
  deleted: AccountState.DELETED,
};

/** Returns the message of an account. It contains the system key if that was loaded. `effectiveAt` serves for that key. */
export function accountMessage(
  account: Account,
  effectiveAt: EffectiveAt = (at) => at,
): MessageInitShape<typeof AccountSchema> {
  return {
    metadata: metadataMessage({ ...account, account_id: account.id }),
    spec: { description: account.description },
    info: {
      entitlements: account.entitlements,
      suspendedAt: timestamp(account.suspended_at),
      deleteAt: timestamp(account.delete_at),
      rateLimits: account.rate_limits.map(rateLimitMessage),
      ...(account.credits && { credits: creditsMessage(account.credits) }),
      ...(account.systemKey && { globalApiKey: apiKeyMessage(account.systemKey, effectiveAt) }),
    },
    state: states[accountStateOf(account)],
    etag: etagOf(account.version),
  };
}
