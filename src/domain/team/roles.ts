import type { Db, Tx } from "../../db/connect.ts";
import { requireWithin } from "../access/bounds.ts";
import { oversizedTeams, refuseGrowth, watchHolders } from "../access/holder-bounds.ts";
import type { Caller } from "../access/principal.ts";
import { invalidField } from "../kernel/error.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkTeamRoles } from "../role/change.ts";
import type { Stage } from "../role/comparison.ts";
import { findRoles } from "../role/reference.ts";
import type { Role } from "../role/role.ts";

/** Looks up the roles of a team. The bound is checked first, so that no request looks up more roles than a team may have. */
export async function findTeamRoles(
  db: Db,
  caller: Caller,
  { bounds }: AccessDeps,
  references: readonly string[],
  before = 0,
): Promise<Role[]> {
  requireWithin(bounds, "rolesPerTeam", new Set(references).size, before);
  const field = (index: number) => `spec.roles[${index}]`;
  const found = await findRoles(db, caller.accountId, references, field);
  const owner = found.findIndex((role) => role.builtin === "owner");
  if (owner >= 0) {
    throw invalidField(
      field(owner),
      "expected a role other than owner, because only people can have that role",
    );
  }
  return [...new Map(found.map((role) => [role.id, role])).values()];
}

/** Replaces the roles of a team. */
export async function setRoles(
  tx: Tx,
  caller: Caller,
  deps: AccessDeps,
  teamId: string,
  before: readonly string[],
  roles: readonly Role[],
  stage: Stage,
): Promise<void> {
  await checkTeamRoles(tx, caller, deps, teamId, roles, stage);
  const affected = roles.some((role) => !before.includes(role.id)) ? { teams: [teamId] } : {};
  const requireHoldersWithin = await watchHolders(tx, caller.accountId, deps.bounds, affected);
  await tx
    .deleteFrom("team_role")
    .where("account_id", "=", caller.accountId)
    .where("team_id", "=", teamId)
    .execute();
  if (roles.length === 0) return;
  await tx
    .insertInto("team_role")
    .values(roles.map((role) => ({ account_id: caller.accountId, team_id: teamId, role_id: role.id })))
    .execute();
  await requireHoldersWithin();
}

/** Gives roles to a new team. Fails with `BOUND_EXCEEDED` if they have more permissions than a principal may have. */
export async function giveRoles(
  tx: Tx,
  { accountId }: Caller,
  { bounds }: AccessDeps,
  teamId: string,
  roleIds: readonly string[],
): Promise<void> {
  if (roleIds.length === 0) return;
  const rows = roleIds.map((role_id) => ({ account_id: accountId, team_id: teamId, role_id }));
  const [, oversized] = await together([
    tx.insertInto("team_role").values(rows).execute(),
    oversizedTeams(tx, accountId, bounds, [teamId]),
  ]);
  refuseGrowth(bounds, new Map(), oversized);
}
