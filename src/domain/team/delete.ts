import type { Store, Tx } from "../../db/connect.ts";
import { oversizedTeams, requireTeamWithin } from "../access/holder-bounds.ts";
import { type Caller, refuseItself } from "../access/principal.ts";
import { type Change, pick } from "../kernel/audit-event.ts";
import { DomainError, invalidField } from "../kernel/error.ts";
import { mutate } from "../kernel/mutation.ts";
import { type AccessDeps, checkServiceTeam } from "../role/change.ts";
import { auditedFields, getTeam, readTeam, requireTeam, type Team, teamLocks } from "./team.ts";

/** Deletes a team. Its service accounts move to `replacement`. Fails with `IN_USE` if it has some and no replacement is given. */
export async function deleteTeam(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: { id: string; replacement: string },
): Promise<void> {
  const locks = teamLocks(caller, input.id, "update");
  const read = (tx: Tx) => readTeam(tx, caller, input.id);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, found) => {
    const team = requireTeam(found);
    const moved: Change[] = [];
    if (team.serviceAccounts > 0) {
      if (input.replacement === "") throw await inUse(tx, team);
      moved.push(...(await moveServiceAccounts(tx, caller, deps, team, input.replacement)));
    }
    const deleted = { resourceType: "team", resourceId: team.id, before: pick(team, auditedFields) };
    return {
      events: [...moved, deleted],
      write: async () => void (await tx.deleteFrom("team").where("id", "=", team.id).execute()),
    };
  });
}

async function inUse(tx: Tx, team: Team): Promise<DomainError> {
  const owned = await tx
    .selectFrom("service_account")
    .select("id")
    .where("account_id", "=", team.account_id)
    .where("team_id", "=", team.id)
    .orderBy("id")
    .limit(20)
    .execute();
  return new DomainError(
    "IN_USE",
    "the team has service accounts; name the team that gets them in replacement",
    {
      service_account_ids: owned.map((one) => one.id).join(","),
    },
  );
}

async function moveServiceAccounts(
  tx: Tx,
  caller: Caller,
  deps: AccessDeps,
  team: Team,
  replacement: string,
): Promise<Change[]> {
  if (replacement === team.id) throw invalidField("replacement", "expected another team");
  const target = await getTeam(tx, caller, replacement);
  await checkServiceTeam(tx, caller, target.id, team.id);
  const sizes = await oversizedTeams(tx, caller.accountId, deps.bounds, [target.id, team.id]);
  requireTeamWithin(deps.bounds, sizes, target.id, team.id);
  const moved = await tx
    .updateTable("service_account")
    .set((eb) => ({ team_id: target.id, version: eb("version", "+", 1) }))
    .where("account_id", "=", caller.accountId)
    .where("team_id", "=", team.id)
    .returning(["id", "profile_id"])
    .execute();
  for (const one of moved) refuseItself(caller, one);
  return moved.map(({ id }) => ({
    resourceType: "service_account",
    resourceId: id,
    before: { team_id: team.id },
    after: { team_id: target.id },
  }));
}
