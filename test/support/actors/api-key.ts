import { VerdictSchema } from "../../../gen/latchkey/v1/verdict_pb.ts";
import type { Clients, Owner, SharedApp } from "../app.ts";

/** Returns the name of the verdict for a token, optionally in a workspace. */
export async function verdictOf(app: SharedApp, token: string, workspaceId = ""): Promise<string> {
  const { verdict } = await app.clientAs(app.platformToken).tokens.verifyToken({ token, workspaceId });
  return VerdictSchema.value[verdict]?.localName ?? "";
}

/** Returns the id of the system key of an account. */
export async function systemKeyOf(app: SharedApp, accountId: string): Promise<string> {
  const { id } = await app.db
    .selectFrom("api_key")
    .select("id")
    .where("account_id", "=", accountId)
    .where("system", "=", true)
    .executeTakeFirstOrThrow();
  return id;
}

/** Returns the method names of the changes of a resource, oldest first. */
export async function doneTo(app: SharedApp, resourceId: string): Promise<string[]> {
  const events = await app.db
    .selectFrom("audit_event")
    .select("method")
    .where("resource_id", "=", resourceId)
    .where("outcome", "=", "done")
    .orderBy("id")
    .execute();
  return events.map(({ method }) => method.slice(method.indexOf("/") + 1));
}

/** Returns a key as the database has it, with its tokens and grants. A test compares it before and after a refused call. */
export async function storedKey(app: SharedApp, id: string) {
  const key = await app.db.selectFrom("api_key").selectAll().where("id", "=", id).executeTakeFirstOrThrow();
  const tokens = await app.db
    .selectFrom("api_key_token")
    .selectAll()
    .where("api_key_id", "=", id)
    .orderBy("id")
    .execute();
  const grants = await app.db
    .selectFrom("workspace_grant")
    .select("workspace_id")
    .where("profile_id", "=", key.profile_id)
    .orderBy("workspace_id")
    .execute();
  return { key, tokens, grants: grants.map((grant) => grant.workspace_id) };
}

/** Returns the ids of an account's keys, and whether each is revoked. */
export async function revokedOf(app: SharedApp, owner: Owner): Promise<Record<string, boolean>> {
  const rows = await app.db
    .selectFrom("api_key")
    .select(["id", "revoked_at"])
    .where("account_id", "=", owner.account.metadata?.id ?? "")
    .execute();
  return Object.fromEntries(rows.map((row) => [row.id, row.revoked_at !== null]));
}

/** Returns a time this number of seconds from now, as a message. */
export function inSeconds(seconds: number): { seconds: bigint } {
  return { seconds: BigInt(Math.floor(Date.now() / 1000) + seconds) };
}

/** Rotates a key as this caller and returns the new token. */
export async function rotate(caller: Clients, id: string, graceSeconds = 0): Promise<string> {
  const gracePeriod = { seconds: BigInt(graceSeconds) };
  const { apiKey } = await caller.apiKeys.rotateApiKey({ id, gracePeriod });
  return apiKey?.spec?.token ?? "";
}
