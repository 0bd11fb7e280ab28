import type { ServiceImpl } from "@connectrpc/connect";
import {
  type AccountService,
  type UpdateAccountRequest,
  UpdateAccountRequestSchema,
} from "../../gen/latchkey/v1/account_service_pb.ts";
import type { Db } from "../db/connect.ts";
import { type AccountUpdate, getAccount, listAccounts, updateAccount } from "../domain/account.ts";
import { createAccount } from "../domain/account-create.ts";
import { accountMessage } from "./account-message.ts";
import { callerOf, userOf } from "./context.ts";
import { profileMessage } from "./messages.ts";
import { changedFields } from "./update-mask.ts";

/** `AccountService`: the caller's account, and the accounts of a user. */
export function accountService(db: Db): ServiceImpl<typeof AccountService> {
  return {
    async getAccount(_request, context) {
      return { account: accountMessage(await getAccount(db, callerOf(context))) };
    },
    async updateAccount(request, context) {
      return { account: accountMessage(await updateAccount(db, callerOf(context), accountUpdate(request))) };
    },
    async listAccounts(request, context) {
      const { items, nextCursor } = await listAccounts(db, userOf(context), request);
      return { items: items.map(accountMessage), pagination: { nextCursor } };
    },
    async createAccount({ metadata, spec, requestId }, context) {
      const { account, profile } = await createAccount(db, userOf(context), {
        requestId,
        name: metadata?.name ?? "",
        description: spec?.description ?? "",
        externalId: metadata?.externalId ?? "",
        labels: metadata?.labels ?? {},
      });
      return { account: accountMessage(account), profile: profileMessage(account.id, profile) };
    },
  };
}

const changeable = ["metadata.name", "metadata.labels", "metadata.external_id", "spec.description"] as const;

function accountUpdate(request: UpdateAccountRequest): AccountUpdate {
  const { id, etag, metadata, spec } = request;
  const changes = changedFields(UpdateAccountRequestSchema, request, request.updateMask, changeable);
  return {
    id,
    etag,
    ...(changes("metadata.name") && { name: metadata?.name ?? "" }),
    ...(changes("metadata.labels") && { labels: metadata?.labels ?? {} }),
    ...(changes("metadata.external_id") && { externalId: metadata?.externalId ?? "" }),
    ...(changes("spec.description") && { description: spec?.description ?? "" }),
  };
}
