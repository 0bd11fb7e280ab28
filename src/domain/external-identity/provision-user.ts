import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Bounds } from "../access/bounds.ts";
import { claimedRoles, type Identity, type NewUser, speaksFor } from "../access/external-issuer.ts";
import type { Call } from "../access/principal.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { newId } from "../kernel/id.ts";
import { mutateUnchecked } from "../kernel/mutation.ts";
import { accountLock, identityLock, userLock } from "../kernel/row-lock.ts";
import { requireMembershipsWithin } from "../profile/membership-bound.ts";

/**
 * Creates the user of an external identity. If its token claims a role of an account, also creates a guest profile there,
 * under which its actions are recorded. Neither gives a right. A lock lets one call at a time create the user of an
 * identity, and keeps the account from being purged meanwhile.
 */
export async function provisionUser(db: Store, call: Call, bounds: Bounds, newUser: NewUser): Promise<void> {
  const { identity, accountId } = newUser;
  const user = await findUser(db, identity.id);
  const locks = [
    identityLock(identity.id, "no key update"),
    accountLock(accountId, "key share"),
    ...(user ? [userLock(user.id, "no key update")] : []),
  ];
  return mutateUnchecked(db, "ProvisionUser", { by: call, locks, accountIds: [] }, async (tx) => {
    const user = await ensureUser(tx, newUser.identity);
    const events = await makeGuest(tx, bounds, newUser, user);
    return { result: undefined, events };
  });
}

interface IdentityUser {
  id: string;
  name: string;
  email: string | null;
}

async function ensureUser(tx: Tx, identity: Identity): Promise<IdentityUser> {
  const known = await findUser(tx, identity.id);
  if (known) return known;
  const user = { id: newId("user"), name: identity.name, email: null };
  await tx.insertInto("user").values(user).execute();
  const { id, issuer, subject } = identity;
  // Waits for a call that creates the same identity at the same time.
  const made = await tx
    .insertInto("identity")
    .values({ id, issuer, subject, user_id: user.id })
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  if (made.numInsertedOrUpdatedRows === 1n) return user;
  await tx.deleteFrom("user").where("id", "=", user.id).execute();
  const theirs = await findUser(tx, identity.id);
  if (!theirs) throw new Error("an identity was deleted while it was created");
  return theirs;
}

function findUser(tx: Db, identityId: string): Promise<IdentityUser | undefined> {
  return tx
    .selectFrom("identity")
    .innerJoin("user", "user.id", "identity.user_id")
    .select(["user.id", "user.name", "user.email"])
    .where("identity.id", "=", identityId)
    .executeTakeFirst();
}

async function makeGuest(
  tx: Tx,
  bounds: Bounds,
  { identity, scope, accountId, claimed }: NewUser,
  user: IdentityUser,
): Promise<(Change & Actor)[]> {
  if (accountId === "" || claimed.roles.length === 0) return [];
  const account = await tx
    .selectFrom("account")
    .select(["id", "platform"])
    .where("id", "=", accountId)
    .where("suspended_at", "is", null)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (!account || !speaksFor(scope, account)) return [];
  const roles = await tx.selectFrom("role").selectAll().where("account_id", "=", accountId).execute();
  if (!claimedRoles(claimed)(roles)) return [];
  const { rows } = await sql`
    select from membership where user_id = ${user.id} and account_id = ${accountId}
    union all
    select from guest where identity_id = ${identity.id} and account_id = ${accountId}`.execute(tx);
  if (rows.length > 0) return [];
  const profile = {
    id: newId("prof"),
    account_id: accountId,
    type: "user" as const,
    name: user.name,
    email: user.email ?? "",
  };
  await tx
    .insertInto("profile")
    .values({ ...profile, user_id: user.id })
    .execute();
  await tx
    .insertInto("guest")
    .values({ account_id: accountId, identity_id: identity.id, profile_id: profile.id })
    .execute();
  await requireMembershipsWithin(tx, bounds, user.id);
  return [
    {
      accountId,
      profileId: profile.id,
      resourceType: "profile",
      resourceId: profile.id,
      after: { name: user.name, issuer: identity.issuer },
    },
  ];
}
