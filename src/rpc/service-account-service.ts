import type { MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceAccountSchema } from "../../gen/latchkey/v1/service_account_pb.ts";
import {
  type ServiceAccountService,
  type UpdateServiceAccountRequest,
  UpdateServiceAccountRequestSchema,
} from "../../gen/latchkey/v1/service_account_service_pb.ts";
import type { Store } from "../db/connect.ts";
import type { Bounds } from "../domain/access/bounds.ts";
import { etagOf } from "../domain/kernel/list.ts";
import { deleteServiceAccount } from "../domain/service-account/delete.ts";
import {
  createServiceAccount,
  getServiceAccount,
  listServiceAccounts,
  type ServiceAccount,
  type ServiceAccountUpdate,
  updateServiceAccount,
} from "../domain/service-account/service-account.ts";
import { changeable } from "./changeable.ts";
import { metadataMessage, profileMessage } from "./messages.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";
import { commonFields, commonUpdate } from "./resource-request.ts";
import { changedFields } from "./update-mask.ts";

/** `ServiceAccountService`: the identities of machines in an account. */
export function serviceAccountService(db: Store, bounds: Bounds): Operations<typeof ServiceAccountService> {
  return {
    async createServiceAccount(request, context) {
      const teamId = request.spec?.teamId ?? "";
      const input = { ...commonFields(request), teamId };
      return { serviceAccount: message(await createServiceAccount(db, callerOf(context), bounds, input)) };
    },
    async listServiceAccounts(request, context) {
      const { items, nextCursor } = await listServiceAccounts(db, callerOf(context), request);
      return { items: items.map((one) => message(one, request.includeInfo)), pagination: { nextCursor } };
    },
    async getServiceAccount({ id }, context) {
      return { serviceAccount: message(await getServiceAccount(db, callerOf(context), id)) };
    },
    async updateServiceAccount(request, context) {
      const changed = await updateServiceAccount(db, callerOf(context), bounds, update(request));
      return { serviceAccount: message(changed) };
    },
    async deleteServiceAccount({ id }, context) {
      await deleteServiceAccount(db, callerOf(context), id);
      return {};
    },
  };
}

function update(request: UpdateServiceAccountRequest): ServiceAccountUpdate {
  const changes = changedFields(
    UpdateServiceAccountRequestSchema,
    request,
    request.updateMask,
    changeable.UpdateServiceAccountRequest,
  );
  return {
    ...commonUpdate(request, changes),
    ...(changes("spec.team_id") && { teamId: request.spec?.teamId ?? "" }),
  };
}

function message(account: ServiceAccount, info = true): MessageInitShape<typeof ServiceAccountSchema> {
  const { name, profile_id: id } = account;
  const profile = profileMessage(account.account_id, { id, type: "service_account", name, email: "" });
  return {
    metadata: metadataMessage(account),
    spec: { teamId: account.team_id, description: account.description },
    ...(info && { info: { profile, apiKeysTotal: account.apiKeys } }),
    etag: etagOf(account.version),
  };
}
