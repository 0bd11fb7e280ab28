import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { DomainError } from "../kernel/error.ts";

/** Fails if an account has too many pending invites, because a change of a maker compares its pending invites again. */
export async function requirePendingWithin(tx: Tx, bounds: Bounds, accountId: string): Promise<void> {
  const { pending } = await selectPending(tx, accountId)
    .select(sql<number>`count(*)::int`.as("pending"))
    .executeTakeFirstOrThrow();
  requireWithin(bounds, "pendingInvitesPerAccount", pending + 1);
}

/**
 * Fails if an address has a pending invite already. A second one would give nothing, because the first makes its holder
 * a member.
 */
export async function refusePending(tx: Tx, accountId: string, email: string): Promise<void> {
  const pending = await selectPending(tx, accountId)
    .select("id")
    .where("email", "=", email)
    .limit(1)
    .executeTakeFirst();
  if (pending) {
    throw new DomainError(
      "ALREADY_EXISTS",
      "this e-mail address has a pending invite: revoke it to invite again",
      { id: pending.id },
    );
  }
}

function selectPending(tx: Tx, accountId: string) {
  return tx
    .selectFrom("invite")
    .where("account_id", "=", accountId)
    .where("accepted_at", "is", null)
    .where("revoked_at", "is", null)
    .where(sql<boolean>`expires_at > clock_timestamp()`);
}

/** Fails if the e-mail address belongs to a member. */
export async function refuseMember(tx: Tx, accountId: string, email: string): Promise<void> {
  const member = await tx
    .selectFrom("membership")
    .innerJoin("user", "user.id", "membership.user_id")
    .select("membership.profile_id")
    .where("membership.account_id", "=", accountId)
    .where("user.email", "=", email)
    .executeTakeFirst();
  if (member) {
    throw new DomainError("ALREADY_EXISTS", "this person is a member already", { id: member.profile_id });
  }
}
