import { sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import { type Caller, refuseItself } from "../access/principal.ts";
import { revokeOwnedKeys } from "../api-key/revoke-owned.ts";
import { pick } from "../kernel/audit-event.ts";
import { mutate } from "../kernel/mutation.ts";
import { rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { auditedFields } from "./new.ts";
import { readServiceAccount, requireServiceAccount } from "./service-account.ts";

/** Deletes a service account and revokes its keys permanently. */
export async function deleteServiceAccount(db: Store, caller: Caller, id: string): Promise<void> {
  const locks = [rowLock("service_account", caller.accountId, id, "update")];
  const read = async (tx: Tx) => {
    const [found, keys] = await together([readServiceAccount(tx, caller, id), readLiveKeys(tx, caller, id)]);
    return { found, keys };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { found: row, keys }) => {
    const found = requireServiceAccount(row);
    refuseItself(caller, found);
    const before = { ...pick(found, auditedFields), api_key_ids: keys };
    return {
      events: [{ resourceType: "service_account", resourceId: id, before }],
      async write() {
        await together([
          revokeOwnedKeys(tx, found.account_id, found.profile_id),
          tx.deleteFrom("service_account").where("id", "=", found.id).execute(),
          tx
            .updateTable("profile")
            .set({ removed_at: sql<Date>`clock_timestamp()` })
            .where("id", "=", found.profile_id)
            .execute(),
        ]);
      },
    };
  });
}

// The lock of the service account prevents new keys.
async function readLiveKeys(tx: Tx, caller: Caller, id: string): Promise<string[]> {
  const keys = await tx
    .selectFrom("api_key as k")
    .innerJoin("service_account as s", "s.profile_id", "k.owner_profile_id")
    .select("k.id")
    .where("s.account_id", "=", caller.accountId)
    .where("s.id", "=", id)
    .where("k.revoked_at", "is", null)
    .orderBy("k.id")
    .execute();
  return keys.map((key) => key.id);
}
