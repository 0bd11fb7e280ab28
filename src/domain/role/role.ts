import type { Selectable } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import { reachesAll } from "../access/escalation.ts";
import { oversizedHolders, refuseGrowth } from "../access/holder-bounds.ts";
import type { ParsePermissions } from "../access/permission-vocabulary.ts";
import type { Caller } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { DomainError, invalidFields, notFound } from "../kernel/error.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { giveName } from "../kernel/name.ts";
import { countRows } from "../kernel/row-count.ts";
import { accountLock, type LockMode, type RowLock, rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkNamedRole, checkRole } from "./change.ts";
import { beforeLocks, underLocks } from "./comparison.ts";

/** A role as it is stored. */
export type Role = Selectable<Database["role"]>;

/** The fields of a new role. */
export interface NewRole {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  permissions: string[];
}

/** The fields of an update. A field that is left out stays as it is. */
export interface RoleUpdate {
  id: string;
  etag: string;
  name?: string;
  description?: string;
  externalId?: string;
  labels?: Labels;
  permissions?: string[];
}

/** The dependencies of creating and changing roles. */
export interface RoleDeps extends AccessDeps {
  parsePermissions: ParsePermissions;
}

/** The fields of a role that an audit event stores. */
export const auditedFields = ["name", "description", "external_id", "labels", "permissions"] as const;

/** Creates a role. The caller must hold all permissions of it. */
export async function createRole(db: Store, caller: Caller, deps: RoleDeps, input: NewRole): Promise<Role> {
  const name = requireName(input.name);
  const permissions = requireValid(deps.parsePermissions(input.permissions, "spec.permissions"));
  const id = newId("role");
  // The lock orders two concurrent creations, so that the second counts the first.
  const locks = [accountLock(caller.accountId, "no key update")];
  const read = (tx: Tx) =>
    together([
      countRows(tx, "role", caller.accountId),
      findByExternalId(tx, "role", caller.accountId, input.externalId),
    ]);
  return mutate(
    db,
    { by: caller, locks, read },
    async (tx, caller, [total, taken]) => {
      await checkNamedRole(tx, caller, deps, permissions);
      requireWithin(deps.bounds, "permissionsPerRole", permissions.length);
      requireWithin(deps.bounds, "rolesPerAccount", 1 + total);
      requireFree(taken);
      const row = {
        id,
        account_id: caller.accountId,
        name,
        name_key: nameKey(name),
        description: input.description,
        external_id: input.externalId,
        labels: input.labels,
        builtin: null,
        permissions,
        created_by: caller.profile.id,
      };
      const insert = tx.insertInto("role").values(row).returningAll();
      return {
        events: [{ resourceType: "role", resourceId: id, after: pick(row, auditedFields) }],
        write: () => giveName("role", insert.executeTakeFirstOrThrow()),
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a role of the caller's account. */
export async function getRole(db: Db, caller: Caller, id: string): Promise<Role> {
  const role = await readRole(db, caller, id);
  if (!role) throw notFound("role");
  return role;
}

/** Lists the roles of the caller's account. */
export function listRoles(db: Db, caller: Caller, input: ListInput): Promise<Page<Role>> {
  return page(db, selectRoles(db, caller), "role.id", input, listFilter("role", input));
}

/**
 * Updates a role and so the permissions of all its holders. The caller must hold all permissions that it adds. Built-in
 * roles cannot change.
 */
export async function updateRole(
  db: Store,
  caller: Caller,
  deps: RoleDeps,
  input: RoleUpdate,
): Promise<Role> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  const permissions =
    input.permissions && requireValid(deps.parsePermissions(input.permissions, "spec.permissions"));
  const compared = permissions && (await compareUpdate(db, caller, deps, input.id, permissions));
  const locks = roleLocks(caller, input.id, "no key update");
  const affected = permissions ? { roles: [input.id] } : {};
  const holders = (tx: Tx) => oversizedHolders(tx, caller.accountId, deps.bounds, affected);
  const read = async (tx: Tx) => {
    const [role, oversized, taken] = await together([
      readRole(tx, caller, input.id),
      holders(tx),
      findByExternalId(tx, "role", caller.accountId, input.externalId),
    ]);
    return { role, oversized, taken };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, found) => {
    const role = requireCustomRole(found.role);
    checkEtag(input.etag, role.version);
    const after = {
      name: name ?? role.name,
      description: input.description ?? role.description,
      external_id: input.externalId ?? role.external_id,
      labels: input.labels ?? role.labels,
      permissions: permissions ?? role.permissions,
    };
    const changes = difference(pick(role, auditedFields), after);
    if (!changes) return { events: [], write: async () => role };
    requireFree(found.taken, role.id);
    if (deps.claimingIssuers.length > 0 && nameKey(after.name) !== role.name_key) {
      await checkNamedRole(tx, caller, deps, after.permissions);
    }
    if (permissions) await checkRole(tx, caller, deps, role, permissions, underLocks(compared));
    requireWithin(deps.bounds, "permissionsPerRole", after.permissions.length, role.permissions.length);
    const update = tx
      .updateTable("role")
      .set({ ...after, name_key: nameKey(after.name), version: role.version + 1 })
      .where("id", "=", role.id)
      .returningAll();
    return {
      events: [{ resourceType: "role", resourceId: role.id, ...changes }],
      async write() {
        const [changed, oversized] = await together([
          giveName("role", update.executeTakeFirstOrThrow()),
          holders(tx),
        ]);
        if (after.permissions.length > role.permissions.length)
          refuseGrowth(deps.bounds, found.oversized, oversized);
        return changed;
      },
    };
  });
}

// A role that is missing or built in passes here. The change itself refuses it.
async function compareUpdate(
  db: Db,
  caller: Caller,
  deps: AccessDeps,
  id: string,
  permissions: readonly string[],
): Promise<string | undefined> {
  if (reachesAll(caller)) return undefined;
  const role = await readRole(db, caller, id);
  if (!role || role.builtin) return undefined;
  return checkRole(db, caller, deps, role, permissions, beforeLocks(deps.comparisons));
}

/**
 * Returns the locks of a change of a role. It affects all holders, so no other change of the account that depends on
 * the role may run at the same time.
 */
export function roleLocks({ accountId }: Caller, id: string, mode: LockMode): RowLock[] {
  return [accountLock(accountId, "no key update"), rowLock("role", accountId, id, mode)];
}

/** Reads a role of the caller's account. Returns undefined if it does not exist there. */
export function readRole(db: Db, caller: Caller, id: string): Promise<Role | undefined> {
  return selectRoles(db, caller).where("id", "=", id).executeTakeFirst();
}

/** Returns a role that can be changed. Fails if it is missing or built in. */
export function requireCustomRole(role: Role | undefined): Role {
  if (!role) throw notFound("role");
  if (role.builtin) throw new DomainError("IN_USE", "built-in roles are fixed", { role: role.builtin });
  return role;
}

/** Selects the roles of the caller's account. */
export function selectRoles(db: Db, caller: Caller) {
  return db.selectFrom("role").selectAll().where("account_id", "=", caller.accountId);
}

function requireValid({ permissions, violations }: ReturnType<ParsePermissions>): string[] {
  if (violations.length > 0) throw invalidFields(violations);
  return permissions;
}
