import { type RawBuilder, sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import type { Caller } from "../access/principal.ts";
import { type Change, difference } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import { together } from "../kernel/together.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  findApiKey,
  isOwnDeveloperKey,
  readKey,
  readLockedKey,
  refuseRevoked,
  requireKey,
  requireKeyOrOwn,
  systemKey,
} from "./api-key.ts";
import { checkKey, ownerRights, readListed, stateOf } from "./owner.ts";
import { checkSystemKey, holderFor, readOwnerless } from "./system-key.ts";

const now = sql<Date>`clock_timestamp()`;

/** Revokes a key permanently. A revoked key stays as it is. A system key cannot be revoked. */
export function revokeApiKey(db: Store, caller: Caller, id: string): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, id)];
  const read = (tx: Tx) => readKey(tx, caller, id);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, found) => {
    const key = requireKeyOrOwn(caller, found, "api_keys:manage", (one) => isOwnDeveloperKey(caller, one));
    const events = revocationsOf(caller, [key]);
    return { events, write: () => writeAndFind(tx, caller, id, writeRevocations(tx, events)) };
  });
}

/**
 * Returns the changes that revoke some locked keys, by the rules of `revokeApiKey`. Keys that are already revoked have
 * no change.
 */
export function revocationsOf(caller: Caller, keys: readonly ApiKeyRow[]): Change[] {
  for (const key of keys) checkRevocation(caller, key);
  return keys.flatMap((key) => changeOf(key, { disabled: key.disabled_at !== null, revoked: true }));
}

/** Writes the revocations of keys. */
export function writeRevocations(tx: Tx, changes: readonly Change[]): Promise<void> {
  return write(tx, changes, { revoked_at: now });
}

async function writeAndFind(tx: Tx, caller: Caller, id: string, writing: Promise<void>): Promise<ApiKey> {
  const [, key] = await together([writing, findApiKey(tx, caller, id)]);
  return key;
}

/** Disables a key until it is enabled. */
export function disableApiKey(db: Store, caller: Caller, id: string): Promise<ApiKey> {
  return setDisabled(db, caller, id, true);
}

/** Enables a disabled key. */
export function enableApiKey(db: Store, caller: Caller, id: string): Promise<ApiKey> {
  return setDisabled(db, caller, id, false);
}

function setDisabled(db: Store, caller: Caller, id: string, disabled: boolean): Promise<ApiKey> {
  const locks = [apiKeyLock(caller, id)];
  const read = async (tx: Tx) => {
    const [key, listed, ownerless] = await together([
      readLockedKey(tx, caller, id),
      readListed(tx, caller),
      readOwnerless(tx, caller),
    ]);
    return { key, listed, ownerless };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { key: found, listed, ownerless }) => {
    const key = requireKey(found);
    checkSystemKey(caller, key, ownerless, disabled ? "disabled" : "enabled");
    refuseRevoked(key);
    const events = changeOf(key, { disabled, revoked: false });
    // A disabled key reaches nothing, so enabling it counts like creating it.
    if (!disabled && events.length > 0) {
      checkKey(holderFor(caller, key, ownerless), listed, { owner: ownerRights(key), after: stateOf(key) });
    }
    const writing = () => write(tx, events, { disabled_at: disabled ? now : null });
    return { events, write: () => writeAndFind(tx, caller, id, writing()) };
  });
}

function checkRevocation(caller: Caller, key: ApiKeyRow): void {
  if (key.system) throw systemKey(key, "a system key cannot be revoked: disable it, or rotate it");
  if (key.kind === "service" && caller.keyId === key.id) {
    throw new DomainError("PERMISSION_DENIED", "a service key cannot revoke itself", {
      permission: "api_keys:manage",
    });
  }
}

interface State {
  disabled: boolean;
  revoked: boolean;
}

// Returns no change if the key already has this state.
function changeOf(key: ApiKeyRow, after: State): Change[] {
  const before: State = { disabled: key.disabled_at !== null, revoked: key.revoked_at !== null };
  const changes = difference({ ...before }, { ...after });
  return changes ? [{ resourceType: "api_key", resourceId: key.id, ...changes }] : [];
}

async function write(
  tx: Tx,
  changes: readonly Change[],
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
