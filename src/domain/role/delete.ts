import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { reachesAll } from "../access/escalation.ts";
import { watchHolders } from "../access/holder-bounds.ts";
import type { Caller } from "../access/principal.ts";
import { pick } from "../kernel/audit-event.ts";
import { DomainError, invalidFields } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import { nameKey } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkNamedRole, checkReplacement } from "./change.ts";
import { beforeLocks, underLocks } from "./comparison.ts";
import { findRole } from "./reference.ts";
import { auditedFields, type Role, readRole, requireCustomRole, roleLocks, selectRoles } from "./role.ts";

/** Deletes a role. Its holders get the replacement. Without a replacement, fails with `IN_USE` if the role has holders. */
export async function deleteRole(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: { id: string; replacement: string },
): Promise<void> {
  const compared = await compareReplacement(db, caller, deps, input);
  const locks = roleLocks(caller, input.id, "update");
  const read = async (tx: Tx) => {
    const [role, holders] = await together([
      readRole(tx, caller, input.id),
      input.replacement === "" ? readHolders(tx, caller, input.id) : [],
    ]);
    return { role, holders };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, found) => {
    const role = requireCustomRole(found.role);
    if (input.replacement === "") refuseHeld(found.holders);
    else await replaceRole(tx, caller, deps, role, input.replacement, compared);
    await checkSuccessor(tx, caller, deps, role);
    const before = pick(role, auditedFields);
    return {
      events: [{ resourceType: "role", resourceId: role.id, before }],
      async write() {
        await together([endInvites(tx, role), tx.deleteFrom("role").where("id", "=", role.id).execute()]);
      },
    };
  });
}

async function endInvites(tx: Tx, role: Role): Promise<void> {
  await tx
    .updateTable("invite")
    // A pending or expired invite can never be accepted again.
    .set({
      role_id: null,
      revoked_at: sql`case when accepted_at is null then coalesce(revoked_at, clock_timestamp()) end`,
    })
    .where("account_id", "=", role.account_id)
    .where("role_id", "=", role.id)
    .execute();
}

// A token claims a role by its id or its name. If it claims the deleted role by its id, a role with this text as its
// name takes over.
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
  compared: string | undefined,
): Promise<void> {
  const replacement = await findReplacement(tx, caller, role, reference);
  await checkReplacement(tx, caller, deps, role, replacement, underLocks(compared));
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

async function compareReplacement(
  db: Db,
  caller: Caller,
  deps: AccessDeps,
  { id, replacement }: { id: string; replacement: string },
): Promise<string | undefined> {
  if (replacement === "" || reachesAll(caller)) return undefined;
  const role = await readRole(db, caller, id);
  if (!role || role.builtin) return undefined;
  const instead = await findReplacement(db, caller, role, replacement);
  return checkReplacement(db, caller, deps, role, instead, beforeLocks(deps.comparisons));
}

async function findReplacement(db: Db, caller: Caller, role: Role, reference: string): Promise<Role> {
  const replacement = await findRole(db, caller.accountId, reference, "replacement");
  if (replacement.id === role.id || replacement.builtin === "owner") {
    throw invalidFields([{ field: "replacement", description: "expected another role, and not owner" }]);
  }
  return replacement;
}

// Returns the first 20 members, teams and pending invites that have a role.
async function readHolders(tx: Tx, { accountId }: Caller, roleId: string): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    select profile_id as id from membership where account_id = ${accountId} and role_id = ${roleId}
    union all
    select team_id from team_role where account_id = ${accountId} and role_id = ${roleId}
    union all
    select id from invite where account_id = ${accountId} and role_id = ${roleId}
      and accepted_at is null and revoked_at is null and expires_at > clock_timestamp()
    order by id limit 20`.execute(tx);
  return rows.map((row) => row.id);
}

function refuseHeld(holders: readonly string[]): void {
  if (holders.length === 0) return;
  throw new DomainError("IN_USE", "the role has holders: set replacement to the role that they get instead", {
    held_by: holders.join(","),
  });
}
