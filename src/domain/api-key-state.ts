import { sql } from "kysely";
import type { Db } from "../db/connect.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  findApiKey,
  isOwnDeveloperKey,
  lockApiKeyOrOwn,
  refuseRevoked,
  systemKey,
} from "./api-key.ts";
import { difference } from "./audit-event.ts";
import { DomainError } from "./error.ts";
import { mutate } from "./mutation.ts";
import type { Caller } from "./principal.ts";

/** Ends a key for good. A revoked key stays as it is; a system key is never revoked. */
export function revokeApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  return setState(
    db,
    caller,
    id,
    (key) => {
      if (key.system) throw systemKey(key, "a system key is never revoked: disable it, or rotate it");
      if (key.kind === "service" && caller.keyId === key.id) {
        throw new DomainError("PERMISSION_DENIED", "a service key does not revoke itself", {
          permission: "api_keys:manage",
        });
      }
      return { disabled: key.disabled_at !== null, revoked: true };
    },
    true,
  );
}

/** Stops a key until it is enabled. */
export function disableApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  return setState(db, caller, id, (key) => {
    judgeSystemKey(caller, key, "disabled");
    refuseRevoked(key);
    return { disabled: true, revoked: false };
  });
}

/** Lets a disabled key work again. */
export function enableApiKey(db: Db, caller: Caller, id: string): Promise<ApiKey> {
  return setState(db, caller, id, (key) => {
    judgeSystemKey(caller, key, "enabled");
    refuseRevoked(key);
    return { disabled: false, revoked: false };
  });
}

function judgeSystemKey(caller: Caller, key: ApiKeyRow, what: "disabled" | "enabled"): void {
  if (key.system && !caller.owner && caller.keyId !== key.id) {
    throw systemKey(key, `a system key is ${what} by an owner's session or by itself`);
  }
}

interface State {
  disabled: boolean;
  revoked: boolean;
}

function setState(
  db: Db,
  caller: Caller,
  id: string,
  decide: (key: ApiKeyRow) => State,
  own = false,
): Promise<ApiKey> {
  return mutate(db, caller, async (tx) => {
    const key = await lockApiKeyOrOwn(
      tx,
      caller,
      id,
      "api_keys:manage",
      (one) => own && isOwnDeveloperKey(caller, one),
    );
    const after = decide(key);
    const before: State = { disabled: key.disabled_at !== null, revoked: key.revoked_at !== null };
    const changes = difference({ ...before }, { ...after });
    if (!changes) return { result: await findApiKey(tx, caller, id), events: [] };
    const now = sql<Date>`clock_timestamp()`;
    await tx
      .updateTable("api_key")
      .set({
        ...(after.disabled !== before.disabled && { disabled_at: after.disabled ? now : null }),
        ...(after.revoked && { revoked_at: now }),
        changed_at: now,
        version: key.version + 1,
      })
      .where("id", "=", id)
      .execute();
    return {
      result: await findApiKey(tx, caller, id),
      events: [{ resourceType: "api_key", resourceId: id, ...changes }],
    };
  });
}
