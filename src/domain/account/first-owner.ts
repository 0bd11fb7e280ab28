import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { makerColumns } from "../access/maker.ts";
import type { Caller } from "../access/principal.ts";
import { requireStandIn } from "../access/stand-in.ts";
import { readInvitee, refuseMember, requirePendingWithin } from "../invite/bound.ts";
import { type Invite, type InviteDeps, insertInvite, inviteMade, sendInvite } from "../invite/invite.ts";
import { inviteRevoked, lockPendingOf, writeRevoked } from "../invite/revoke.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { onceOf } from "../kernel/mail.ts";
import { mutate } from "../kernel/mutation.ts";
import { accountLock, inviteeLock, ownershipLock } from "../kernel/row-lock.ts";
import { normaliseEmail } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { byPlatform, findSystemProfile } from "./platform.ts";

/**
 * Invites the first owner of an account that the platform opened. Fails with `WRONG_STATE` if the account has an owner, or if
 * it is the platform account. Fails with `ALREADY_EXISTS` if an invite of an owner is pending, and names that invite. A
 * pending invite of the same address that gives less ends in the same change.
 */
export async function inviteFirstOwner(
  db: Store,
  caller: Caller,
  deps: InviteDeps,
  input: { accountId: string; email: string },
): Promise<Invite> {
  const { accountId } = input;
  const email = normaliseEmail(input.email);
  const inviteLimit = onceOf(deps.inviteLimit);
  // Of two such calls, the second sees the invite of the first.
  const locks = [
    accountLock(accountId, "key share"),
    ownershipLock(accountId),
    inviteeLock(accountId, email),
  ];
  const read = (tx: Tx) =>
    together([
      readOwnership(tx, accountId),
      findSystemProfile(tx, accountId),
      readInvitee(tx, accountId, email),
    ]);
  const { invite, token } = await mutate(
    db,
    { by: caller, locks, read },
    async (tx, caller, [ownership, profileId, { pending, member }]) => {
      requireStandIn(caller);
      if (!ownership || profileId === undefined) throw notFound("account");
      requireNoOwner(accountId, ownership);
      refuseMember(member);
      const lesser = pending.ofAddress === null ? [] : await lockPendingOf(tx, accountId, email);
      requirePendingWithin(deps.bounds, { ...pending, total: pending.total - lesser.length });
      await inviteLimit.spend({ to: email, by: caller.accountId });
      const content = { id: newId("inv"), email, roleId: ownership.role_id, workspaceIds: [] };
      const actor = byPlatform(caller, accountId, profileId);
      const maker = {
        accountId,
        profileId,
        columns: { ...makerColumns(caller), maker_permission: "accounts:manage" },
      };
      return {
        events: [...lesser.map(inviteRevoked), inviteMade(content)].map((event) => ({ ...actor, ...event })),
        async write() {
          const ended = lesser.map((one) => one.id);
          const [, made] = await together([writeRevoked(tx, ended), insertInvite(tx, deps, maker, content)]);
          return made;
        },
      };
    },
  );
  return sendInvite(deps, invite, token);
}

/** Returns whether an account has no owner. */
export async function hasNoOwner(db: Db, accountId: string): Promise<boolean> {
  const ownership = await readOwnership(db, accountId);
  return ownership !== undefined && !ownership.owned;
}

interface Ownership extends Pick<Selectable<Database["account"]>, "platform"> {
  /** The built-in role of owners. */
  role_id: string;
  owned: boolean;
  /** A pending invite of an owner. */
  invited: string | null;
}

// One statement, so that an invite that is accepted meanwhile counts either as pending or as an owner.
async function readOwnership(db: Db, accountId: string): Promise<Ownership | undefined> {
  const { rows } = await sql<Ownership>`
    select a.platform, r.id as role_id,
      exists (select from membership m where m.account_id = a.id and m.role_id = r.id) as owned, (
        select i.id from invite i
        where i.account_id = a.id and i.role_id = r.id and i.accepted_at is null and i.revoked_at is null
          and i.expires_at > clock_timestamp()
        limit 1
      ) as invited
    from account a
    join role r on r.account_id = a.id and r.builtin = 'owner'
    where a.id = ${accountId}`.execute(db);
  return rows[0];
}

function requireNoOwner(accountId: string, { platform, owned, invited }: Ownership): void {
  if (platform) {
    throw new DomainError("WRONG_STATE", "the platform account gets no owner in this way", {
      account_id: accountId,
    });
  }
  if (owned) throw new DomainError("WRONG_STATE", "the account has an owner", { account_id: accountId });
  if (invited !== null) {
    throw new DomainError(
      "ALREADY_EXISTS",
      "an owner of the account is invited already: revoke that invite first",
      {
        id: invited,
      },
    );
  }
}
