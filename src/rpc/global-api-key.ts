import { durationMs } from "@bufbuild/protobuf/wkt";
import type { AccountService } from "../../gen/latchkey/v1/account_service_pb.ts";
import type { Store } from "../db/connect.ts";
import type { ApiKey } from "../domain/api-key/api-key.ts";
import type { MintDeps } from "../domain/api-key/create.ts";
import { rotateApiKey } from "../domain/api-key/rotate.ts";
import { disableApiKey, enableApiKey } from "../domain/api-key/state.ts";
import { getSystemKey, systemKeyId } from "../domain/api-key/system-key.ts";
import { apiKeyMessage } from "./api-key-message.ts";
import { effectiveNow, latestEffectiveAt } from "./effective.ts";
import { callerOf } from "./middleware/context.ts";
import type { Operations } from "./operations.ts";

type GlobalApiKey = "getGlobalApiKey" | "rotateGlobalApiKey" | "disableGlobalApiKey" | "enableGlobalApiKey";

/** The part of `AccountService` about the system key of the account. Its operations are those of `ApiKeyService`. */
export function globalApiKeyOperations(
  db: Store,
  deps: Pick<MintDeps, "mint" | "bounds">,
): Pick<Operations<typeof AccountService>, GlobalApiKey> {
  const changed = (key: ApiKey) => apiKeyMessage(key, effectiveNow(db));
  return {
    async getGlobalApiKey(_request, context) {
      return { apiKey: apiKeyMessage(await getSystemKey(db, callerOf(context)), latestEffectiveAt(db)) };
    },
    async rotateGlobalApiKey({ gracePeriod }, context) {
      const caller = callerOf(context);
      const graceMs = gracePeriod ? durationMs(gracePeriod) : 0;
      const id = await systemKeyId(db, caller);
      return { apiKey: changed(await rotateApiKey(db, caller, deps, { id, graceMs })) };
    },
    async disableGlobalApiKey(_request, context) {
      const caller = callerOf(context);
      return { apiKey: changed(await disableApiKey(db, caller, await systemKeyId(db, caller))) };
    },
    async enableGlobalApiKey(_request, context) {
      const caller = callerOf(context);
      return { apiKey: changed(await enableApiKey(db, caller, await systemKeyId(db, caller))) };
    },
  };
}
