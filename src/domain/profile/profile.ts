import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { BuiltinRole, ProfileType } from "../../db/schema.ts";
import { oversizedHolders, refuseGrowth } from "../access/holder-bounds.ts";
import { type Caller, type ProfileRef, requireOwner, requirePermissionOrOwn } from "../access/principal.ts";
import { deleteGuest, findGuest } from "../external-identity/guest.ts";
import { DomainError, notFound } from "../kernel/error.ts";
import { filterOf, type Page, type PageInput, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { type LockMode, ownershipLock, type RowLock, rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkPersonRole } from "../role/change.ts";
import { readReference, requireRole } from "../role/reference.ts";
import { endMembership } from "./end-membership.ts";

/** A profile with its role and workspaces in the account. */
export interface AccountProfile extends ProfileRef {
  account_id: string;
  created_at: Date;
  role_id: string | null;
  role: string | null;
  team_ids: string[];
}

/** A filter of profiles. If `type` is undefined, it matches people and service accounts. */
export interface ProfileFilter extends PageInput {
  prefix: string;
  query: string;
  type: ProfileType | undefined;
}

/** Returns a profile of the caller's account. */
export async function getProfile(db: Db, caller: Caller, id: string): Promise<AccountProfile> {
  const profile = await selectProfiles(db, caller)
    .where("p.id", "=", id)
    .where("p.removed_at", "is", null)
    .executeTakeFirst();
  if (!profile) throw notFound("profile");
  return profile;
}

/** Lists the profiles of the caller's account. */
export function listProfiles(db: Db, caller: Caller, filter: ProfileFilter): Promise<Page<AccountProfile>> {
  const types = filter.type ? [filter.type] : (["user", "service_account"] as const);
  // Most profiles of an account may belong to keys.
  const fits = filterOf([
    sql<boolean>`p.removed_at is null and p.type in (${sql.join(types)})`,
    filter.query !== "" &&
      sql<boolean>`(strpos(lower(p.name), lower(${filter.query})) > 0 or strpos(p.email, lower(${filter.query})) > 0)`,
  ]);
  return page(db, selectProfiles(db, caller), "p.id", filter, fits);
}

/** Removes a person, member or guest, from the account permanently. People may remove themselves. */
export function removeProfile(db: Store, caller: Caller, id: string): Promise<void> {
  requireMayRemove(caller, id);
  const locks = personLocks(caller, id, "update");
  const read = (tx: Tx) => readPerson(tx, caller, id);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { owners, person }) => {
    requireMayRemove(caller, id);
    const member = requirePerson(person);
    if (member.builtin === "owner") {
      requireOwner(caller);
      refuseLastOwner(owners, caller.accountId, member.profile_id);
    }
    const before = await endMembership(tx, caller.accountId, member.profile_id);
    return { result: undefined, events: [{ resourceType: "profile", resourceId: id, before }] };
  });
}

function requireMayRemove(caller: Caller, id: string): void {
  const own = caller.kind === "user" && caller.profile.id === id;
  requirePermissionOrOwn(caller, "profiles:manage", own);
}

// A change that may remove an owner locks all owners. So one of the last two owners stays.
function personLocks({ accountId }: Caller, profileId: string, mode: LockMode): RowLock[] {
  return [
    ownershipLock(accountId),
    rowLock("membership", accountId, profileId, mode),
    rowLock("guest", accountId, profileId, "update"),
  ];
}

/** Gives a person another role. A guest becomes a member. The caller must hold what it gives, and only owners make or change owners. */
export function setProfileRole(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: { id: string; role: string },
): Promise<AccountProfile> {
  const locks = personLocks(caller, input.id, "no key update");
  const holders = (tx: Tx) => oversizedHolders(tx, caller.accountId, deps.bounds, { profiles: [input.id] });
  const read = async (tx: Tx) => {
    const [person, role, oversized] = await together([
      readPerson(tx, caller, input.id),
      readReference(tx, caller.accountId, input.role),
      holders(tx),
    ]);
    return { ...person, role, oversized };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { owners, person, ...found }) => {
    const member = requirePerson(person);
    const role = requireRole(found.role, "role");
    const unchanged = role.id === member.role_id;
    if (unchanged) return { events: [], write: () => getProfile(tx, caller, input.id) };
    if (role.builtin === "owner" || member.builtin === "owner") requireOwner(caller);
    if (member.builtin === "owner") refuseLastOwner(owners, caller.accountId, member.profile_id);
    await checkPersonRole(tx, caller, deps, { profileId: input.id, roleId: member.role_id }, role.id);
    const setRole = tx
      .updateTable("membership")
      .set({ role_id: role.id })
      .where("account_id", "=", caller.accountId)
      .where("profile_id", "=", input.id);
    return {
      events: [
        {
          resourceType: "profile",
          resourceId: input.id,
          before: { role_id: member.role_id },
          after: { role_id: role.id },
        },
      ],
      async write() {
        const [, oversized, profile] = await together([
          member.role_id === null ? makeMember(tx, caller.accountId, member, role.id) : setRole.execute(),
          holders(tx),
          getProfile(tx, caller, input.id),
        ]);
        refuseGrowth(deps.bounds, found.oversized, oversized);
        return profile;
      },
    };
  });
}

/** An owner of an account. */
export interface Owner {
  account_id: string;
  profile_id: string;
}

/** Returns the owners of some accounts. They cannot change while the lock `owners` of these accounts is held. */
export function ownersOf(tx: Tx, accountIds: string[]): Promise<Owner[]> {
  return tx
    .selectFrom("membership")
    .innerJoin("role", "role.id", "membership.role_id")
    .select(["membership.account_id", "membership.profile_id"])
    .where(sql<boolean>`membership.account_id = any (${accountIds})`)
    .where("role.builtin", "=", "owner")
    .execute();
}

/** Fails with `LAST_OWNER` if a change would remove the last owner of an account. */
export function refuseLastOwner(owners: Owner[], accountId: string, profileId: string): void {
  const others = owners.filter((owner) => owner.account_id === accountId && owner.profile_id !== profileId);
  if (others.length > 0) return;
  throw new DomainError("LAST_OWNER", "an account must keep at least one owner", { account_id: accountId });
}

// A member, or a guest of an external issuer, who has no role in the account.
async function readPerson(tx: Tx, caller: Caller, profileId: string) {
  const [owners, member, guest] = await together([
    ownersOf(tx, [caller.accountId]),
    findMember(tx, caller, profileId),
    findGuest(tx, caller.accountId, profileId),
  ]);
  const found = member ?? guest;
  const withoutRole = { profile_id: profileId, user_id: "", role_id: null, builtin: null };
  return { owners, person: found && { ...withoutRole, ...found } };
}

function requirePerson(person: Person | undefined): Person {
  if (!person) throw notFound("profile");
  return person;
}

interface Person {
  profile_id: string;
  user_id: string;
  role_id: string | null;
  builtin: BuiltinRole | null;
}

async function makeMember(tx: Tx, accountId: string, person: Person, roleId: string): Promise<void> {
  const { profile_id, user_id } = person;
  const membership = { account_id: accountId, user_id, profile_id, role_id: roleId };
  await together([
    deleteGuest(tx, accountId, profile_id),
    tx.insertInto("membership").values(membership).execute(),
  ]);
}

function findMember(tx: Tx, caller: Caller, profileId: string): Promise<Person | undefined> {
  return tx
    .selectFrom("membership")
    .innerJoin("role", "role.id", "membership.role_id")
    .select(["membership.profile_id", "membership.user_id", "membership.role_id", "role.builtin"])
    .where("membership.account_id", "=", caller.accountId)
    .where("membership.profile_id", "=", profileId)
    .executeTakeFirst();
}

function selectProfiles(db: Db, caller: Caller) {
  return db
    .selectFrom("profile as p")
    .leftJoin("membership as m", "m.profile_id", "p.id")
    .leftJoin("role as r", "r.id", "m.role_id")
    .select([
      "p.id",
      "p.account_id",
      "p.type",
      "p.name",
      "p.email",
      "p.created_at",
      "m.role_id",
      "r.name as role",
    ])
    .select(
      sql<string[]>`array(
        select team_id from team_member x where x.account_id = p.account_id and x.profile_id = p.id
        union all
        select team_id from service_account x where x.account_id = p.account_id and x.profile_id = p.id
        order by team_id
      )`.as("team_ids"),
    )
    .where("p.account_id", "=", caller.accountId);
}
