import type { MessageInitShape } from "@bufbuild/protobuf";
import { type AccountSchema, AccountState } from "../../gen/latchkey/v1/account_pb.ts";
import type { Account } from "../domain/account/account.ts";
import { etagOf } from "../domain/kernel/list.ts";
import { apiKeyMessage } from "./api-key-message.ts";
import type { HoldsBy } from "./effective.ts";
import { metadataMessage, timestamp } from "./messages.ts";

/** An account; its system key where it was loaded, for which `holdsBy` is asked. */
export function accountMessage(
  account: Account,
  holdsBy: HoldsBy = (at) => at,
): MessageInitShape<typeof AccountSchema> {
  return {
    metadata: metadataMessage({ ...account, account_id: account.id }),
    spec: { description: account.description },
    info: {
      entitlements: account.entitlements,
      suspendedAt: timestamp(account.suspended_at),
      deleteAt: timestamp(account.delete_at),
      ...(account.systemKey && { globalApiKey: apiKeyMessage(account.systemKey, holdsBy) }),
    },
    state: state(account),
    etag: etagOf(account.version),
  };
}

function state(account: Account): AccountState {
  if (account.deleted_at) return AccountState.DELETED;
  return account.suspended_at ? AccountState.SUSPENDED : AccountState.ACTIVE;
}
