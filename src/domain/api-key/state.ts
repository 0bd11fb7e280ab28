import { type RawBuilder, sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import type { Caller } from "../access/principal.ts";
import { type Change, difference } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  findApiKey,
  isOwnDeveloperKey,
  readApiKey,
  readApiKeyOrOwn,
  refuseRevoked,
  systemKey,
} from "./api-key.ts";
import { checkKey, loadKeyState } from "./owner.ts";

const now = sql<Date>`clock_timestamp()`;

/** Ends a key for good. A revoked key stays as it is; a system key is never revoked. */
export function revokeApiKey(db: Store, caller: Caller, id: string): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, id)];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const key = await readApiKeyOrOwn(tx, caller, id, "api_keys:manage", (one) =>
      isOwnDeveloperKey(caller, one),
    );
    const events = await revokeLocked(tx, caller, [key]);
    return { result: await findApiKey(tx, caller, id), events };
  });
}

/** Ends locked keys for good, by the rules of `revokeApiKey`, and returns what it did: one change for each key that was not revoked. */
export async function revokeLocked(tx: Tx, caller: Caller, keys: readonly ApiKeyRow[]): Promise<Change[]> {
  for (const key of keys) checkRevocation(caller, key);
  const changes = keys.flatMap((key) => changeOf(key, { disabled: key.disabled_at !== null, revoked: true }));
  await write(tx, changes, { revoked_at: now });
  return changes;
}

/** Stops a key until it is enabled. */
export function disableApiKey(db: Store, caller: Caller, id: string): Promise<ApiKey> {
  return setDisabled(db, caller, id, true);
}

/** Lets a disabled key work again. */
export function enableApiKey(db: Store, caller: Caller, id: string): Promise<ApiKey> {
  return setDisabled(db, caller, id, false);
}

function setDisabled(db: Store, caller: Caller, id: string, disabled: boolean): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, id)];
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const key = await readApiKey(tx, caller, id);
    checkSystemKey(caller, key, disabled ? "disabled" : "enabled");
    refuseRevoked(key);
    const changes = changeOf(key, { disabled, revoked: false });
    if (!disabled && changes.length > 0) await checkRevival(tx, caller, key);
    await write(tx, changes, { disabled_at: disabled ? now : null });
    return { result: await findApiKey(tx, caller, id), events: changes };
  });
}

function checkRevocation(caller: Caller, key: ApiKeyRow): void {
  if (key.system) throw systemKey(key, "a system key is never revoked: disable it, or rotate it");
  if (key.kind === "service" && caller.keyId === key.id) {
    throw new DomainError("PERMISSION_DENIED", "a service key does not revoke itself", {
      permission: "api_keys:manage",
    });
  }
}

function checkSystemKey(caller: Caller, key: ApiKeyRow, what: "disabled" | "enabled"): void {
  if (key.system && !caller.owner && caller.keyId !== key.id) {
    throw systemKey(key, `a system key is ${what} by an owner's session or by itself`);
  }
}

// A disabled key reaches nothing: to enable it is to make it anew. Who enables a system key is decided above.
async function checkRevival(tx: Tx, caller: Caller, key: ApiKeyRow): Promise<void> {
  if (key.system) return;
  const { owner, state } = await loadKeyState(tx, key);
  await checkKey(tx, caller, { owner, after: state });
}

interface State {
  disabled: boolean;
  revoked: boolean;
}

// Nothing, where the key is so already.
function changeOf(key: ApiKeyRow, after: State): Change[] {
  const before: State = { disabled: key.disabled_at !== null, revoked: key.revoked_at !== null };
  const changes = difference({ ...before }, { ...after });
  return changes ? [{ resourceType: "api_key", resourceId: key.id, ...changes }] : [];
}

async function write(
  tx: Tx,
  changes: Change[],
  state: { disabled_at: RawBuilder<Date> | null } | { revoked_at: RawBuilder<Date> },
): Promise<void> {
  if (changes.length === 0) return;
  const ids = changes.map((change) => change.resourceId);
  await tx
    .updateTable("api_key")
    .set((eb) => ({ ...state, changed_at: now, version: eb("version", "+", 1) }))
    .where(sql<boolean>`id = any (${ids})`)
    .execute();
}
