import { type Selectable, sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import type { Database, Labels } from "../../db/schema.ts";
import { requireWithin } from "../access/bounds.ts";
import { watchHolders } from "../access/holder-bounds.ts";
import type { ParsePermissions } from "../access/permission-vocabulary.ts";
import type { Caller } from "../access/principal.ts";
import { difference, pick } from "../kernel/audit-event.ts";
import { DomainError, invalidFields, notFound } from "../kernel/error.ts";
import { newId } from "../kernel/id.ts";
import { checkEtag, type ListInput, listFilter, type Page, page } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { giveName } from "../kernel/name.ts";
import { accountLock, type LockMode, type RowLock, rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { type AccessDeps, checkNamedRole, checkReplacement, checkRole } from "./change.ts";
import { findRole } from "./reference.ts";

/** A role as it is stored. */
export type Role = Selectable<Database["role"]>;

/** What a role is made from. */
export interface NewRole {
  requestId: string;
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  permissions: string[];
}

/** What an update changes. What is left out stays. */
export interface RoleUpdate {
  id: string;
  etag: string;
  name?: string;
  description?: string;
  externalId?: string;
  labels?: Labels;
  permissions?: string[];
}

/** What making and changing roles depends on. */
export interface RoleDeps extends AccessDeps {
  parsePermissions: ParsePermissions;
}

const auditedFields = ["name", "description", "external_id", "labels", "permissions"] as const;

/** Makes a role. Nobody puts into it what they do not hold. */
export async function createRole(db: Store, caller: Caller, deps: RoleDeps, input: NewRole): Promise<Role> {
  const name = requireName(input.name);
  const permissions = requireValid(deps.parsePermissions(input.permissions, "spec.permissions"));
  const id = newId("role");
  return mutate(
    db,
    // Of two roles that are made at once, the second counts the first.
    { by: caller, locks: [accountLock(caller.accountId, "no key update")] },
    async (tx, caller) => {
      await checkNamedRole(tx, caller, deps, permissions);
      requireWithin(deps.bounds, "permissionsPerRole", permissions.length);
      requireWithin(deps.bounds, "rolesPerAccount", 1 + (await countRoles(tx, caller)));
      const insert = tx
        .insertInto("role")
        .values({
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
        })
        .returningAll();
      const role = await giveName("role", insert.executeTakeFirstOrThrow());
      return {
        result: role,
        events: [{ resourceType: "role", resourceId: id, after: pick(role, auditedFields) }],
      };
    },
    { requestId: input.requestId, resourceId: id },
  );
}

/** Returns a role of the caller's account. */
export async function getRole(db: Db, caller: Caller, id: string): Promise<Role> {
  const role = await selectRoles(db, caller).where("id", "=", id).executeTakeFirst();
  if (!role) throw notFound("role");
  return role;
}

/** Lists the roles of the caller's account. */
export function listRoles(db: Db, caller: Caller, input: ListInput): Promise<Page<Role>> {
  return page(selectRoles(db, caller).where(listFilter("role", input)), "role.id", input, (role) => role.id);
}

/** Changes a role for everybody who holds it. Nobody adds what they do not hold; built-in roles are fixed. */
export async function updateRole(
  db: Store,
  caller: Caller,
  deps: RoleDeps,
  input: RoleUpdate,
): Promise<Role> {
  const name = input.name === undefined ? undefined : requireName(input.name);
  const permissions =
    input.permissions && requireValid(deps.parsePermissions(input.permissions, "spec.permissions"));
  const locks = roleLocks(caller, input.id, "no key update");
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const role = await findCustomRole(tx, caller, input.id);
    checkEtag(input.etag, role.version);
    const after = {
      name: name ?? role.name,
      description: input.description ?? role.description,
      external_id: input.externalId ?? role.external_id,
      labels: input.labels ?? role.labels,
      permissions: permissions ?? role.permissions,
    };
    const changes = difference(pick(role, auditedFields), after);
    if (!changes) return { result: role, events: [] };
    if (deps.claimingIssuers.length > 0 && nameKey(after.name) !== role.name_key) {
      await checkNamedRole(tx, caller, deps, after.permissions);
    }
    if (permissions) await checkRole(tx, caller, deps, role, permissions);
    requireWithin(deps.bounds, "permissionsPerRole", after.permissions.length, role.permissions.length);
    const affected = after.permissions.length > role.permissions.length ? { roles: [role.id] } : {};
    const requireHoldersWithin = await watchHolders(tx, caller.accountId, deps.bounds, affected);
    const update = tx
      .updateTable("role")
      .set({ ...after, name_key: nameKey(after.name), version: role.version + 1 })
      .where("id", "=", role.id)
      .returningAll();
    const changed = await giveName("role", update.executeTakeFirstOrThrow());
    await requireHoldersWithin();
    return { result: changed, events: [{ resourceType: "role", resourceId: role.id, ...changes }] };
  });
}

/** Deletes a role. Who holds it gets the replacement; without one, a role that is held stays. */
export async function deleteRole(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: { id: string; replacement: string },
): Promise<void> {
  const locks = roleLocks(caller, input.id, "update");
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const role = await findCustomRole(tx, caller, input.id);
    if (input.replacement === "") await refuseHeld(tx, role);
    else await replaceRole(tx, caller, deps, role, input.replacement);
    await checkSuccessor(tx, caller, deps, role);
    await tx
      .updateTable("invite")
      // One whose time is over is over for good.
      .set({
        role_id: null,
        revoked_at: sql`case when accepted_at is null then coalesce(revoked_at, clock_timestamp()) end`,
      })
      .where("account_id", "=", role.account_id)
      .where("role_id", "=", role.id)
      .execute();
    await tx.deleteFrom("role").where("id", "=", role.id).execute();
    const before = pick(role, auditedFields);
    return { result: undefined, events: [{ resourceType: "role", resourceId: role.id, before }] };
  });
}

// Claims name a role by its id or its name. What named this one by its id means the role of that name from now on.
async function checkSuccessor(tx: Tx, caller: Caller, deps: AccessDeps, role: Role): Promise<void> {
  if (deps.claimingIssuers.length === 0) return;
  const successor = await selectRoles(tx, caller).where("name_key", "=", nameKey(role.id)).executeTakeFirst();
  if (successor) await checkNamedRole(tx, caller, deps, successor.permissions);
}

async function replaceRole(
  tx: Tx,
  caller: Caller,
  deps: AccessDeps,
  role: Role,
  reference: string,
): Promise<void> {
  const replacement = await findRole(tx, caller.accountId, reference, "replacement");
  if (replacement.id === role.id || replacement.builtin === "owner") {
    throw invalidFields([{ field: "replacement", description: "expected another role, and not owner" }]);
  }
  await checkReplacement(tx, caller, deps, role, replacement);
  const affected = { roles: [role.id, replacement.id] };
  const requireHoldersWithin = await watchHolders(tx, caller.accountId, deps.bounds, affected);
  const held = { account_id: role.account_id, role_id: role.id };
  for (const table of ["membership", "invite"] as const) {
    await tx
      .updateTable(table)
      .set({ role_id: replacement.id })
      .where("account_id", "=", held.account_id)
      .where("role_id", "=", held.role_id)
      .execute();
  }
  await sql`
    insert into team_role (account_id, team_id, role_id)
    select account_id, team_id, ${replacement.id} from team_role
    where account_id = ${held.account_id} and role_id = ${held.role_id}
    on conflict do nothing`.execute(tx);
  await tx
    .deleteFrom("team_role")
    .where("account_id", "=", held.account_id)
    .where("role_id", "=", held.role_id)
    .execute();
  await requireHoldersWithin();
}

async function countRoles(tx: Tx, caller: Caller): Promise<number> {
  const { total } = await tx
    .selectFrom("role")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", caller.accountId)
    .executeTakeFirstOrThrow();
  return total;
}

async function refuseHeld(tx: Tx, role: Role): Promise<void> {
  const { rows } = await sql<{ id: string }>`
    select profile_id as id from membership where account_id = ${role.account_id} and role_id = ${role.id}
    union all
    select team_id from team_role where account_id = ${role.account_id} and role_id = ${role.id}
    union all
    select id from invite where account_id = ${role.account_id} and role_id = ${role.id}
      and accepted_at is null and revoked_at is null and expires_at > clock_timestamp()
    order by id limit 20`.execute(tx);
  if (rows.length > 0) {
    throw new DomainError("IN_USE", "the role is held: say what its holders get instead (replacement)", {
      held_by: rows.map((row) => row.id).join(","),
    });
  }
}

// What a role allows changes for all who hold it: while no other change of the account relies on it.
function roleLocks({ accountId }: Caller, id: string, mode: LockMode): RowLock[] {
  return [accountLock(accountId, "no key update"), rowLock("role", accountId, id, mode)];
}

async function findCustomRole(tx: Tx, caller: Caller, id: string): Promise<Role> {
  const role = await selectRoles(tx, caller).where("id", "=", id).executeTakeFirst();
  if (!role) throw notFound("role");
  if (role.builtin) throw new DomainError("IN_USE", "built-in roles are fixed", { role: role.builtin });
  return role;
}

function selectRoles(db: Db, caller: Caller) {
  return db.selectFrom("role").selectAll().where("account_id", "=", caller.accountId);
}

function requireValid({ permissions, violations }: ReturnType<ParsePermissions>): string[] {
  if (violations.length > 0) throw invalidFields(violations);
  return permissions;
}
