import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { DomainError } from "../kernel/error.ts";
import { together } from "../kernel/together.ts";

/** The number of pending invites of an account. */
export interface Pending {
  total: number;
  /** The pending invite of the e-mail address, if there is one. */
  ofAddress: string | null;
}

// Counts the pending invites of an account, and finds that of an e-mail address.
async function countPending(tx: Tx, accountId: string, email: string): Promise<Pending> {
  const { rows } = await sql<Pending>`
    select count(*)::int as total, min(id) filter (where email = ${email}) as "ofAddress"
    from invite
    where account_id = ${accountId} and accepted_at is null and revoked_at is null
      and expires_at > clock_timestamp()`.execute(tx);
  return rows[0] ?? { total: 0, ofAddress: null };
}

/**
 * Reads what an e-mail address has in an account already, and how many invites are pending. The pending invites come first:
 * an invite that is accepted between the two statements is then found as pending or as a member.
 */
export async function readInvitee(tx: Tx, accountId: string, email: string) {
  const [pending, member] = await together([
    countPending(tx, accountId, email),
    findMember(tx, accountId, email),
  ]);
  return { pending, member };
}

/** Fails if an account has too many pending invites, because a change of a maker compares its pending invites again. */
export function requirePendingWithin(bounds: Bounds, { total }: Pending): void {
  requireWithin(bounds, "pendingInvitesPerAccount", total + 1);
}

/**
 * Fails if an address has a pending invite already. A second one would give nothing, because the first makes its holder
 * a member.
 */
export function refusePending({ ofAddress }: Pending): void {
  if (ofAddress === null) return;
  throw new DomainError(
    "ALREADY_EXISTS",
    "this e-mail address has a pending invite: revoke it to invite again",
    { id: ofAddress },
  );
}

/** Finds the member of an account who has an e-mail address. */
export function findMember(
  tx: Tx,
  accountId: string,
  email: string,
): Promise<{ profile_id: string } | undefined> {
  return tx
    .selectFrom("membership")
    .innerJoin("user", "user.id", "membership.user_id")
    .select("membership.profile_id")
    .where("membership.account_id", "=", accountId)
    .where("user.email", "=", email)
    .executeTakeFirst();
}

/** Fails with `ALREADY_EXISTS` if the e-mail address belongs to a member. */
export function refuseMember(member: { profile_id: string } | undefined): void {
  if (!member) return;
  throw new DomainError("ALREADY_EXISTS", "this person is a member already", { id: member.profile_id });
}
