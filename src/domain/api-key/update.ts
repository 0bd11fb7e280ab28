import type { Store, Tx } from "../../db/connect.ts";
import type { ApiKeyKind, Environment, Labels, WorkspaceScope } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import type { Caller } from "../access/principal.ts";
import { type NewRateLimit, parseRateLimits } from "../access/rate-limit.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { invalidField, invalidFields } from "../kernel/error.ts";
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
import { checkLimits } from "./limits.ts";
import { checkKey, type Listed, ownerRights, readListed, stateOf } from "./owner.ts";

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
  rateLimits?: readonly NewRateLimit[];
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
  const rateLimits = parseRateLimits(input.rateLimits ?? [], "spec.rate_limits");
  violations.push(...rateLimits.violations);
  if (violations.length > 0) throw invalidFields(violations);
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
      rate_limits: input.rateLimits ? rateLimits.limits : key.rate_limits,
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

type Settings = Pick<ApiKeyRow, (typeof specFields)[number]>;
type Changed = Pick<ApiKeyRow, Exclude<(typeof auditedFields)[number], "kind" | "environment">>;

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
  // A key with weaker limits reaches more, so a change to them counts like creating the key.
  const state = stateOf(key);
  const before = checkLimits(caller, key, after.rate_limits) ? { before: state } : {};
  checkKey(caller, listed, { owner: ownerRights(key), ...before, after: { ...state, ...after } });
}

async function writeKey(tx: Tx, key: ApiKeyRow, { rate_limits, ...after }: Changed): Promise<void> {
  const limits = JSON.stringify(rate_limits);
  await tx
    .updateTable("api_key")
    .set((eb) => ({
      ...after,
      rate_limits: limits,
      version: key.version + 1,
      changed_at: eb.fn("clock_timestamp"),
    }))
    .where("id", "=", key.id)
    .execute();
}

const specFields = ["permissions", "workspace_scope", "expires_at", "description", "rate_limits"] as const;

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
