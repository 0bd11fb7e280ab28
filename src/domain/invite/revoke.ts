import { sql } from "kysely";
import type { Store, Tx } from "../../db/connect.ts";
import { type Caller, isPlatformKey, requireOwner } from "../access/principal.ts";
import { type Change, pick } from "../kernel/audit-event.ts";
import { notFound } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import { rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { findMember, refuseMember } from "./bound.ts";
import { alreadyUsed, type Invite, selectInvites } from "./invite.ts";

/** Revokes an invite. Only owners and the platform revoke the invite of an owner. */
export function revokeInvite(db: Store, caller: Caller, id: string): Promise<Invite> {
  const { accountId } = caller;
  const locks = [rowLock("invite", accountId, id, "no key update")];
  const read = (tx: Tx) =>
    together([
      selectInvites(tx)
        .where("invite.account_id", "=", accountId)
        .where("invite.id", "=", id)
        .executeTakeFirst(),
      findBuiltinRole(tx, accountId, id),
    ]);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, [locked, role]) => {
    if (!locked) throw notFound("invite");
    if (role?.builtin === "owner") requireOwnerOrPlatform(caller);
    if (locked.accepted_at) throw alreadyUsed("the invite was accepted", { invite_id: id });
    if (locked.revoked_at) return { events: [], write: async () => locked };
    return {
      events: [inviteRevoked(locked)],
      async write() {
        const [, invite] = await together([
          writeRevoked(tx, [id]),
          selectInvites(tx).where("invite.id", "=", id).executeTakeFirstOrThrow(),
        ]);
        return invite;
      },
    };
  });
}

function findBuiltinRole(tx: Tx, accountId: string, id: string) {
  return tx
    .selectFrom("invite")
    .innerJoin("role", "role.id", "invite.role_id")
    .select("role.builtin")
    .where("invite.account_id", "=", accountId)
    .where("invite.id", "=", id)
    .executeTakeFirst();
}

// An admin could otherwise keep an account without an owner.
function requireOwnerOrPlatform(caller: Caller): void {
  if (caller.home?.managesAccounts || isPlatformKey(caller)) return;
  requireOwner(caller);
}

/** The parts of an invite that its revocation records. */
export type RevokedInvite = Pick<Invite, "id" | "role_id" | "workspace_ids">;

/**
 * Locks the pending invites of an e-mail address, so that another invite can replace them. Fails with `ALREADY_EXISTS` if
 * the address has accepted one of them meanwhile.
 */
export async function lockPendingOf(tx: Tx, accountId: string, email: string): Promise<RevokedInvite[]> {
  const [{ rows }, member] = await together([
    sql<RevokedInvite>`
      select id, role_id, workspace_ids from invite
      where account_id = ${accountId} and email = ${email} and accepted_at is null and revoked_at is null
        and expires_at > clock_timestamp()
      order by id for no key update`.execute(tx),
    findMember(tx, accountId, email),
  ]);
  refuseMember(member);
  return rows;
}

/** Returns the event of a revoked invite. */
export function inviteRevoked(invite: RevokedInvite): Change {
  const before = pick(invite, ["role_id", "workspace_ids"]);
  return { resourceType: "invite", resourceId: invite.id, before };
}

/** Writes the revocations of locked invites. */
export async function writeRevoked(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return;
  await sql`update invite set revoked_at = clock_timestamp() where id = any (${ids})`.execute(tx);
}
