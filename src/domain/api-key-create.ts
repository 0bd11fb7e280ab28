import type { Store, Tx } from "../db/connect.ts";
import type { ApiKeyKind, Environment, Labels, WorkspaceScope } from "../db/schema.ts";
import { type ApiKey, auditedFields, findApiKey } from "./api-key.ts";
import { draft, judgeDraft } from "./api-key-draft.ts";
import { pick } from "./audit-event.ts";
import { type Bounds, requireWithin } from "./bounds.ts";
import { requireRoom } from "./entitlement.ts";
import { invalidField } from "./error.ts";
import { newId } from "./id.ts";
import { databaseTime, mutate } from "./mutation.ts";
import type { ParsePermissions } from "./permission-vocabulary.ts";
import type { Caller } from "./principal.ts";
import { rowLock } from "./row-lock.ts";
import type { MintedToken, TokenKind } from "./token.ts";
import { insertGrants, workspaceLocks } from "./workspace-grant.ts";

/** Mints tokens of this deployment. */
export type Mint = (kind: TokenKind, id: string) => MintedToken;

/** What minting keys depends on. */
export interface MintDeps {
  mint: Mint;
  parsePermissions: ParsePermissions;
  bounds: Bounds;
}

/** What a key is made from. What is left out has its default. */
export interface NewApiKey {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  permissions: string[];
  kind?: ApiKeyKind;
  environment?: Environment;
  workspaceScope?: WorkspaceScope;
  expiresAt?: Date;
  serviceAccountId: string;
  workspaceIds: string[];
  rateLimits: number;
}

/** Issues a key. Its token is in the answer, once. Nobody mints more than they hold. */
export async function createApiKey(
  db: Store,
  caller: Caller,
  deps: MintDeps,
  input: NewApiKey,
): Promise<ApiKey> {
  const name = input.name.trim();
  const key = draft(caller, deps.parsePermissions, { ...input, name });
  const id = newId("key");
  const minted = deps.mint(key.tokenKind, id);
  const locks = [
    rowLock("service_account", caller.accountId, input.serviceAccountId, "share"),
    ...workspaceLocks(caller.accountId, input.workspaceIds),
  ];
  return mutate(
    db,
    { by: caller, locks },
    async (tx, caller) => {
      const owner = await judgeDraft(tx, caller, key, input);
      requireWithin(deps.bounds, "permissionsPerKey", key.permissions.length);
      if (key.expiresAt) await requireFuture(tx, key.expiresAt);
      await requireRoom(tx, caller, "max_api_keys");
      const profileId = newId("prof");
      const account = { account_id: caller.accountId };
      await tx
        .insertInto("profile")
        .values({ ...account, id: profileId, type: "api_key", name })
        .execute();
      await tx
        .insertInto("api_key")
        .values({
          ...account,
          id,
          profile_id: profileId,
          owner_profile_id: owner?.profileId ?? null,
          name,
          description: input.description,
          external_id: input.externalId,
          labels: input.labels,
          kind: key.kind,
          environment: key.environment,
          workspace_scope: key.workspaceScope,
          permissions: key.permissions,
          created_by: caller.profile.id,
          // Locked until the key is there: whoever revokes the caller finds everything that it ever made.
          minted_by_key_id: caller.keyId ?? null,
          expires_at: key.expiresAt,
        })
        .execute();
      await insertToken(tx, caller.accountId, id, minted);
      await insertGrants(tx, caller, deps.bounds, profileId, input.workspaceIds);
      const made = await findApiKey(tx, caller, id);
      const granted = input.workspaceIds.length > 0 && { workspace_ids: input.workspaceIds };
      return {
        result: { ...made, token: minted.token },
        events: [
          { resourceType: "api_key", resourceId: id, after: { ...pick(made, auditedFields), ...granted } },
        ],
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Stores a minted token as the current one of a key. */
export async function insertToken(
  tx: Tx,
  accountId: string,
  keyId: string,
  minted: MintedToken,
): Promise<void> {
  await tx
    .insertInto("api_key_token")
    .values({ account_id: accountId, api_key_id: keyId, hash: minted.hash, hint: minted.hint })
    .execute();
}

/** Refuses an expiry that has passed, by the clock of the database. */
export async function requireFuture(tx: Tx, expiresAt: Date): Promise<void> {
  if (expiresAt <= (await databaseTime(tx)))
    throw invalidField("spec.expires_at", "expected a time in the future");
}
