import type { Store, Tx } from "../../db/connect.ts";
import type { BuiltinRole, Labels } from "../../db/schema.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import type { ProfileRef, UserCaller } from "../access/principal.ts";
import { requireSpeaksForNewAccount } from "../external-identity/user.ts";
import type { Actor, Change } from "../kernel/audit-event.ts";
import { DomainError } from "../kernel/error.ts";
import { findByExternalId, requireFreeAccount } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { mutateAsUser } from "../kernel/mutation.ts";
import { userLock } from "../kernel/row-lock.ts";
import { requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { requireMembershipsWithin } from "../profile/membership-bound.ts";
import { type Account, getAccountById } from "./account.ts";

/** The fields of a new account. */
export interface NewAccount {
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
}

/** The first owner of a new account. */
export interface Owner {
  userId: string;
  email: string;
  name: string;
}

// Permissions of the built-in roles. An owner differs from an admin by rank, not by permissions.
const builtinRoles: Record<BuiltinRole, { permissions: string[]; allWorkspaces: boolean }> = {
  owner: { permissions: ["*"], allWorkspaces: true },
  admin: { permissions: ["*"], allWorkspaces: true },
  developer: { permissions: ["*:write", "api_keys:write"], allWorkspaces: false },
  viewer: { permissions: ["*:read"], allWorkspaces: false },
};

/** Creates an account that the signed-in user owns. Fails with `BOUND_EXCEEDED` if the user owns too many accounts. */
export async function createAccount(
  db: Store,
  user: UserCaller,
  { bounds }: { bounds: Bounds },
  input: NewAccount & { requestId: string },
): Promise<{ account: Account; profile: ProfileRef }> {
  requireSpeaksForNewAccount(user);
  const name = requireName(input.name);
  const accountId = newId("acct");
  const idempotencyKey = { requestId: input.requestId, resourceId: accountId };
  // The lock keeps the user from being erased meanwhile, and two calls from exceeding the bound together.
  const locks = [userLock(user.userId, "no key update")];
  const read = (tx: Tx) =>
    together([
      tx
        .selectFrom("user")
        .select(["id", "email", "name"])
        .where("id", "=", user.userId)
        .where("deleted_at", "is", null)
        .executeTakeFirst(),
      findByExternalId(tx, "account", accountId, input.externalId),
    ]);
  return mutateAsUser(
    db,
    { by: user, locks, read },
    async (tx, [found, taken]) => {
      requireFreeAccount(taken, false);
      if (!found) throw new DomainError("LOGIN_REQUIRED", "this user was erased");
      const owner = ownerOf({ userId: found.id, email: found.email ?? "", name: found.name });
      const fields = { ...input, name };
      return {
        events: [accountMade(accountId, fields, owner)],
        async write() {
          const [account] = await together([
            makeAccount(tx, accountId, fields, owner),
            requireOwnedWithin(tx, bounds, user.userId),
            requireMembershipsWithin(tx, bounds, user.userId),
          ]);
          return { account, profile: owner.profile };
        },
      };
    },
    idempotencyKey,
  );
}

// Deleted accounts do not count.
async function requireOwnedWithin(tx: Tx, bounds: Bounds, userId: string): Promise<void> {
  const owned = await tx
    .selectFrom("membership")
    .innerJoin("role", "role.id", "membership.role_id")
    .innerJoin("account", "account.id", "membership.account_id")
    .select("account.id")
    .where("membership.user_id", "=", userId)
    .where("role.builtin", "=", "owner")
    .where("account.deleted_at", "is", null)
    .execute();
  requireWithin(bounds, "accountsPerUser", owned.length);
}

/** An owner with the profile that they get. */
export interface NewOwner {
  userId: string;
  profile: ProfileRef;
}

/** Gives the owner of a new account a profile. */
export function ownerOf({ userId, name, email }: Owner): NewOwner {
  return { userId, profile: { id: newId("prof"), type: "user", name, email } };
}

/** Creates an account with its built-in roles, its system profile and key, and its owner. Sends its statements together. */
export async function makeAccount(
  tx: Tx,
  id: string,
  input: NewAccount,
  { userId, profile }: NewOwner,
): Promise<Account> {
  const roles = newRoleIds();
  const membership = { account_id: id, user_id: userId, profile_id: profile.id, role_id: roles.owner };
  const results = await together([
    insertAccount(tx, id, input, profile.id),
    tx
      .insertInto("profile")
      .values({ ...profile, account_id: id, user_id: userId })
      .execute(),
    insertRoles(tx, id, profile.id, roles),
    tx.insertInto("membership").values(membership).execute(),
    insertSystemKey(tx, id, { createdBy: profile.id }),
    getAccountById(tx, id),
  ]);
  return results[5];
}

/** Returns the audit event of a new account, recorded under its owner. */
export function accountMade(id: string, input: NewAccount, { profile }: NewOwner): Change & Actor {
  const { name, description, externalId: external_id, labels } = input;
  return {
    accountId: id,
    profileId: profile.id,
    resourceType: "account",
    resourceId: id,
    after: { name, description, external_id, labels },
  };
}

/** Inserts only the row of the account. The profile of its creator may follow in the same transaction. */
export async function insertAccount(
  tx: Tx,
  id: string,
  input: NewAccount & { entitlements?: string[] },
  createdBy: string,
  platform = false,
): Promise<void> {
  await tx
    .insertInto("account")
    .values({
      id,
      name: input.name,
      description: input.description,
      external_id: input.externalId,
      labels: input.labels,
      entitlements: input.entitlements ?? [],
      platform,
      created_by: createdBy,
    })
    .execute();
}

/** The ids of the built-in roles that an account will have. */
export function newRoleIds(): Record<BuiltinRole, string> {
  return { owner: newId("role"), admin: newId("role"), developer: newId("role"), viewer: newId("role") };
}

/** Inserts the built-in roles of an account. */
export async function insertRoles(
  tx: Tx,
  accountId: string,
  createdBy: string,
  ids: Record<BuiltinRole, string>,
): Promise<void> {
  const names: BuiltinRole[] = ["owner", "admin", "developer", "viewer"];
  await tx
    .insertInto("role")
    .values(
      names.map((name) => ({
        id: ids[name],
        account_id: accountId,
        name,
        name_key: name,
        builtin: name,
        created_by: createdBy,
        permissions: builtinRoles[name].permissions,
        all_workspaces: builtinRoles[name].allWorkspaces,
      })),
    )
    .execute();
}

/** Inserts the system profile and the system key of a new account. The key has no token yet. */
export async function insertSystemKey(
  tx: Tx,
  accountId: string,
  { createdBy, system = newId("prof") }: { createdBy?: string; system?: string },
): Promise<{ keyId: string; profileId: string }> {
  const profileId = newId("prof");
  const keyId = newId("key");
  const profiles = [
    { id: system, account_id: accountId, type: "system" as const, name: "system" },
    { id: profileId, account_id: accountId, type: "api_key" as const, name: "system key" },
  ];
  const key = {
    id: keyId,
    account_id: accountId,
    profile_id: profileId,
    owner_profile_id: system,
    name: "system key",
    kind: "service" as const,
    system: true,
    workspace_scope: "all" as const,
    permissions: ["*"],
    created_by: createdBy ?? system,
  };
  await together([
    tx.insertInto("profile").values(profiles).execute(),
    tx.insertInto("api_key").values(key).execute(),
  ]);
  return { keyId, profileId: system };
}
