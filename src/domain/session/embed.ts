import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { actPermission, isPlatform } from "../access/acting.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { reachOf, refuseEscalation } from "../access/escalation.ts";
import type { ParsePermissions } from "../access/permission-vocabulary.ts";
import type { Caller } from "../access/principal.ts";
import { findWorkspaces, requireLive } from "../access/workspace-grant.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { DomainError, invalidFields } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { mutate } from "../kernel/mutation.ts";
import { embedCountLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import type { Mint } from "../kernel/token.ts";

/** What embed sessions depend on. */
export interface EmbedDeps {
  mint: Mint;
  parsePermissions: ParsePermissions;
  bounds: Bounds;
}

/** The fields of a new embed session. */
export interface NewEmbedSession {
  permissions: string[];
  workspaceIds: string[];
  /** Undefined: the longest lifetime. */
  lifetimeMs: number | undefined;
}

/** The longest lifetime of an embed session. */
export const maxEmbedLifetimeMs = 15 * 60_000;

/** The most live embed sessions of one platform key in one account, and the most rows of sessions that it has there. */
export const maxEmbedSessions = 1_000;

/**
 * Makes an embed session in the account for which a platform key acts. Only the response contains its token. The session never
 * reaches more than the key that makes it.
 */
export async function createEmbedSession(
  db: Store,
  caller: Caller,
  deps: EmbedDeps,
  input: NewEmbedSession,
): Promise<{ id: string; token: string; expiresAt: Date }> {
  const { keyId } = requireActing(caller);
  const { permissions, violations } = deps.parsePermissions(input.permissions, "permissions");
  if (violations.length > 0) throw invalidFields(violations);
  requireWithin(deps.bounds, "permissionsPerKey", permissions.length);
  const { accountId } = caller;
  const id = newId("emb");
  const minted = deps.mint("emb", id);
  const read = (tx: Tx) =>
    together([countSessions(tx, accountId, keyId), findWorkspaces(tx, accountId, input.workspaceIds)]);
  const locks = [embedCountLock(accountId, keyId)];
  return mutate(db, { by: caller, locks, read }, async (tx, caller, [{ live, kept }, found], now) => {
    const { tokenId } = requireActing(caller);
    // The session has the environment, the end and the limits of the key.
    const after = { ...reachOf(caller), permissions, workspaces: input.workspaceIds };
    refuseEscalation(caller, [{ after }]);
    const workspaceIds = requireLive(found, input.workspaceIds).toSorted();
    if (live >= maxEmbedSessions) throw tooMany();
    const expiresAt = earliest(now, input.lifetimeMs ?? maxEmbedLifetimeMs, caller.expiresAt);
    const row = { permissions, workspace_ids: workspaceIds, expires_at: expiresAt };
    const insert = tx
      .insertInto("embed_session")
      .values({ id, account_id: accountId, key_id: keyId, token_id: tokenId, hash: minted.hash, ...row });
    return {
      events: [{ resourceType: "embed_session", resourceId: id, after: row }],
      async write() {
        const replaced = kept < maxEmbedSessions ? undefined : deleteOldestEnded(tx, accountId, keyId);
        await Promise.all([insert.execute(), replaced]);
        return { id, token: minted.token, expiresAt };
      },
    };
  });
}

// An embed session makes no other one, because the new one could end later.
function requireActing(caller: Caller): { keyId: string; tokenId: string } {
  const { keyId, authority } = caller;
  const { tokenId } = authority;
  if (isPlatform(caller) && keyId !== undefined && tokenId !== undefined) return { keyId, tokenId };
  throw new DomainError(
    "PERMISSION_DENIED",
    `only a platform key with ${actPermission} that names an account in the header latchkey-account makes embed sessions`,
    { permission: actPermission },
  );
}

function tooMany(): DomainError {
  return new DomainError(
    "BOUND_EXCEEDED",
    `a platform key has at most ${maxEmbedSessions} live embed sessions in one account (embed_sessions): wait until some have ended`,
    { bound: "embed_sessions", limit: String(maxEmbedSessions) },
  );
}

function earliest(now: Date, lifetimeMs: number, end: Date | undefined): Date {
  const own = new Date(now.getTime() + lifetimeMs);
  return end && end < own ? end : own;
}

// A live session has not expired, and neither the session itself nor all sessions of its key were ended.
const isLive = sql`e.expires_at > clock_timestamp() and e.ended_at is null and not exists (
  select from api_key a where a.id = e.key_id and e.created_at <= a.embed_ended_at
)`;

/** The sessions of a platform key in an account. */
interface Count {
  live: number;
  /** All rows, those of ended sessions included. */
  kept: number;
}

async function countSessions(tx: Tx, accountId: string, keyId: string): Promise<Count> {
  const { rows } = await sql<Count>`
    select count(*) filter (where ${isLive})::int as live, count(*)::int as kept
    from embed_session e
    where e.key_id = ${keyId} and e.account_id = ${accountId}`.execute(tx);
  return rows[0] ?? { live: 0, kept: 0 };
}

// Each new session removes up to two ended ones. So the number of rows falls to its bound if it was ever above it.
async function deleteOldestEnded(tx: Tx, accountId: string, keyId: string): Promise<void> {
  await sql`
    delete from embed_session where id in (
      select e.id from embed_session e
      where e.key_id = ${keyId} and e.account_id = ${accountId} and not (${isLive})
      order by e.expires_at
      limit 2
    )`.execute(tx);
}

/** An embed session with the profile under which it acts. */
export interface HeldEmbedSession {
  id: string;
  account_id: string;
  key_id: string;
  profile_id: string;
}

/** Finds a live embed session by its token. */
export async function findEmbedSession(
  db: Db,
  id: string,
  hash: Buffer,
): Promise<HeldEmbedSession | undefined> {
  const { rows } = await sql<HeldEmbedSession>`
    select e.id, e.account_id, e.key_id, p.id as profile_id
    from embed_session e
    join profile p on p.account_id = e.account_id and p.type = 'system'
    where e.id = ${id} and e.hash = ${hash} and ${isLive}`.execute(db);
  return rows[0];
}

/** Ends a locked embed session. */
export async function endEmbedSession(tx: Tx, { id }: HeldEmbedSession): Promise<void> {
  await tx
    .updateTable("embed_session")
    .set({ ended_at: sql<Date>`clock_timestamp()` })
    .where("id", "=", id)
    .execute();
}

/** Returns the event of the end of an embed session by its own token. */
export function embedSessionEnded({ id, account_id, key_id, profile_id }: HeldEmbedSession): Change & Actor {
  return {
    accountId: account_id,
    profileId: profile_id,
    keyId: key_id,
    via: "platform",
    resourceType: "embed_session",
    resourceId: id,
    before: { ended: false },
    after: { ended: true },
  };
}
