import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { DomainError } from "./error.ts";
import { type RowLock, requestLock } from "./row-lock.ts";

/**
 * The `request_id` of a creation and the id of the resource that it creates. It makes the creation safe to repeat. An
 * empty `requestId` has no effect.
 */
export interface IdempotencyKey {
  requestId: string;
  resourceId: string;
}

/** The use of an idempotency key. It is unique per caller and method. */
export interface Claim extends IdempotencyKey {
  callerId: string;
  method: string;
}

const day = sql`interval '24 hours'`;

/** Returns the lock under which a key is used. It orders two repeats, so that only one of them creates something. */
export function claimLocks(claim: Claim | undefined): RowLock[] {
  return claim?.requestId ? [requestLock(claim.callerId, claim.method, claim.requestId)] : [];
}

/**
 * Fails with `ALREADY_EXISTS` if the caller used this key within the last 24 hours. The error names the resource that
 * was created.
 */
export async function refuseRepeat(tx: Tx, claim: Claim | undefined): Promise<void> {
  if (!claim?.requestId) return;
  const first = await tx
    .selectFrom("request")
    .select("resource_id")
    .where("caller_id", "=", claim.callerId)
    .where("method", "=", claim.method)
    .where("request_id", "=", claim.requestId)
    .where(sql<boolean>`created_at >= clock_timestamp() - ${day}`)
    .executeTakeFirst();
  if (!first) return;
  throw new DomainError("ALREADY_EXISTS", "this request_id was already used", { id: first.resource_id });
}

/** Stores the use of a key that `refuseRepeat` accepted, and deletes the caller's keys that are a day old. */
export async function recordClaim(tx: Tx, claim: Claim | undefined): Promise<void> {
  if (!claim?.requestId) return;
  const { callerId, method, requestId, resourceId } = claim;
  // Two parts of one statement must not touch the same row.
  const { rows } = await sql`
    with old as (
      delete from request
      where caller_id = ${callerId} and created_at < clock_timestamp() - ${day}
        and (method, request_id) <> (${method}, ${requestId})
    )
    insert into request (caller_id, method, request_id, resource_id)
    values (${callerId}, ${method}, ${requestId}, ${resourceId})
    on conflict (caller_id, method, request_id)
      do update set resource_id = excluded.resource_id, created_at = excluded.created_at
        where request.created_at < clock_timestamp() - ${day}
    returning request_id`.execute(tx);
  // Earlier versions of the server do not take the lock.
  if (rows.length === 0) throw new DomainError("CONFLICT", "this request_id is in use: try again");
}
