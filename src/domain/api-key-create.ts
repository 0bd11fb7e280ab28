import type { Db, Tx } from "../db/connect.ts";
import type { ApiKeyKind, Environment, Labels, WorkspaceScope } from "../db/schema.ts";
import { type ApiKey, auditedFields, getApiKey } from "./api-key.ts";
import { pick } from "./audit-event.ts";
import { DomainError, invalidField, invalidFields } from "./error.ts";
import { assertHolds } from "./escalation.ts";
import { newId } from "./id.ts";
import { databaseTime, mutate } from "./mutation.ts";
import { normalisePermissions } from "./permission.ts";
import type { Caller } from "./principal.ts";
import { nameViolations } from "./text.ts";
import type { MintedToken, TokenKind } from "./token.ts";
import { insertGrants } from "./workspace-grant.ts";

/** Mints tokens of this deployment. */
export type Mint = (kind: TokenKind, id: string) => MintedToken;

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
  workspaceIds: string[];
  rateLimits: number;
}

/** Issues a key. Its token is in the answer, once. Nobody mints more than they hold. */
export async function createApiKey(db: Db, caller: Caller, mint: Mint, input: NewApiKey): Promise<ApiKey> {
  refuseLater(input);
  const name = input.name.trim();
  const { permissions, violations } = normalisePermissions(input.permissions, "spec.permissions");
  violations.unshift(...nameViolations(name));
  if (violations.length > 0) throw invalidFields(violations);
  const environment = input.environment ?? "live";
  const workspaceScope = input.workspaceScope ?? "selected";
  const expiresAt = input.expiresAt ?? null;
  const { workspaceIds } = input;
  if (workspaceScope === "all" && workspaceIds.length > 0) throw takesNoGrants();
  assertHolds(caller, { permissions, workspaceScope, workspaceIds, environment, expiresAt });
  const id = newId("key");
  const minted = mint(environment, id);
  return mutate(
    db,
    caller,
    async (tx) => {
      if (expiresAt) await requireFuture(tx, expiresAt);
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
          name,
          description: input.description,
          external_id: input.externalId,
          labels: input.labels,
          kind: "application",
          environment,
          workspace_scope: workspaceScope,
          permissions,
          created_by: caller.profile.id,
          expires_at: expiresAt,
        })
        .execute();
      await insertToken(tx, caller.accountId, id, minted);
      await insertGrants(tx, caller, profileId, workspaceIds);
      const key = await getApiKey(tx, caller, id);
      const after = {
        ...pick(key, auditedFields),
        ...(workspaceIds.length > 0 && { workspace_ids: workspaceIds }),
      };
      return {
        result: { ...key, token: minted.token },
        events: [{ resourceType: "api_key", resourceId: id, after }],
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

/** The refusal of grants to a key that enters every workspace anyway. */
export function takesNoGrants(): DomainError {
  return new DomainError("WRONG_STATE", "a key of scope WORKSPACE_SCOPE_ALL takes no grants", {
    workspace_scope: "WORKSPACE_SCOPE_ALL",
  });
}

function refuseLater(input: NewApiKey): void {
  if (input.kind !== undefined && input.kind !== "application") {
    throw new DomainError("UNIMPLEMENTED", "only application keys can be issued so far");
  }
  if (input.rateLimits > 0) throw new DomainError("UNIMPLEMENTED", "keys have no rate limits so far");
}
