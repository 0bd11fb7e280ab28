import type { Updateable } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import type { ApiKeyKind, Database, Environment, Labels, WorkspaceScope } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import type { Caller } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { DomainError, invalidField, invalidFields } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { checkEtag } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { nameViolations } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import {
  type ApiKey,
  type ApiKeyRow,
  apiKeyLock,
  auditedFields,
  findApiKey,
  type LockedKey,
  labelBytes,
  readLockedKey,
  refuseRevoked,
  requireKey,
  systemKey,
} from "./api-key.ts";
import { type MintDeps, requireFuture } from "./create.ts";
import { checkKey, type Listed, ownerRights, readListed } from "./owner.ts";

/** The fields of an update. A field that is left out stays as it is. `expiresAt: null` removes the end. */
export interface ApiKeyUpdate {
  id: string;
  etag: string;
  name?: string;
  labels?: Labels;
  externalId?: string;
  description?: string;
  permissions?: string[];
  workspaceScope?: WorkspaceScope;
  expiresAt?: Date | null;
  rateLimits?: number;
  /** Immutable fields. The server ignores the current value and refuses any other. */
  kind?: ApiKeyKind;
  environment?: Environment;
  serviceAccountId?: string;
}

/** Updates a key. The caller cannot widen a key beyond what it holds. The spec of a system key cannot change. */
export async function updateApiKey(
  db: Store,
  caller: Caller,
  { parsePermissions, bounds }: Pick<MintDeps, "parsePermissions" | "bounds">,
  input: ApiKeyUpdate,
): Promise<ApiKey> {
  const name = input.name?.trim();
  const { permissions, violations } = parsePermissions(input.permissions ?? [], "spec.permissions");
  if (name !== undefined) violations.unshift(...nameViolations(name));
  if (violations.length > 0) throw invalidFields(violations);
  if (input.rateLimits) throw new DomainError("UNIMPLEMENTED", "rate limits of keys are not implemented yet");
  const locks = [apiKeyLock(caller, input.id)];
  const read = async (tx: Tx) => {
    const [found, listed, taken] = await together([
      readLockedKey(tx, caller, input.id),
      readListed(tx, caller),
      findByExternalId(tx, "api_key", caller.accountId, input.externalId),
    ]);
    return { found, listed, taken };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { found, listed, taken }, now) => {
    const key = requireKey(found);
    checkEtag(input.etag, key.version);
    refuseRevoked(key);
    refuseImmutable(key, input);
    const before = pick(key, auditedFields);
    const after = {
      name: name ?? key.name,
      labels: input.labels ?? key.labels,
      external_id: input.externalId ?? key.external_id,
      description: input.description ?? key.description,
      permissions: input.permissions ? permissions : key.permissions,
      workspace_scope: input.workspaceScope ?? key.workspace_scope,
      expires_at: input.expiresAt === undefined ? key.expires_at : input.expiresAt,
    };
    const changes = difference(before, after);
    if (!changes) return { events: [], write: () => findApiKey(tx, caller, key.id) };
    checkChange({ caller, listed, key }, after, now);
    requireWithin(bounds, "permissionsPerKey", after.permissions.length, key.permissions.length);
    requireFree(taken, key.id);
    requireWithin(bounds, "labelBytesPerKey", labelBytes(after.labels), labelBytes(key.labels));
    return {
      events: [{ resourceType: "api_key", resourceId: key.id, ...changes }],
      async write() {
        const [, , updated] = await together([
          writeKey(tx, key, after),
          after.name === key.name ? undefined : renameProfile(tx, key.profile_id, after.name),
          findApiKey(tx, caller, key.id),
        ]);
        return updated;
      },
    };
  });
}

type Settings = Pick<ApiKeyRow, "permissions" | "workspace_scope" | "expires_at" | "description">;

interface Update {
  caller: Caller;
  listed: Listed | undefined;
  key: LockedKey;
}

function checkChange({ caller, listed, key }: Update, after: Settings, now: Date): void {
  if (key.system && difference(pick(key, specFields), pick(after, specFields))) {
    throw systemKey(key, "the spec of a system key is fixed");
  }
  const end = after.expires_at;
  const moved = end?.getTime() !== key.expires_at?.getTime();
  if (moved && end) requireFuture(end, now);
  checkKey(caller, listed, { owner: ownerRights(key), before: key, after: { ...key, ...after } });
}

async function writeKey(tx: Tx, key: ApiKeyRow, after: Updateable<Database["api_key"]>): Promise<void> {
  await tx
    .updateTable("api_key")
    .set((eb) => ({ ...after, version: key.version + 1, changed_at: eb.fn("clock_timestamp") }))
    .where("id", "=", key.id)
    .execute();
}

const specFields = ["permissions", "workspace_scope", "expires_at", "description"] as const;

function refuseImmutable(key: ApiKeyRow, input: ApiKeyUpdate): void {
  if (input.kind !== undefined && input.kind !== key.kind) {
    throw invalidField("spec.kind", "cannot be changed: expected the key's own kind");
  }
  if (input.environment !== undefined && input.environment !== key.environment) {
    throw invalidField("spec.environment", "cannot be changed: expected the key's own environment");
  }
  if (input.serviceAccountId !== undefined && input.serviceAccountId !== key.service_account_id) {
    throw invalidField(
      "spec.service_account_id",
      "cannot be changed: expected the key's own service account",
    );
  }
}

async function renameProfile(tx: Tx, profileId: string, name: string): Promise<void> {
  await tx.updateTable("profile").set({ name }).where("id", "=", profileId).execute();
}
