import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { requireWithin } from "../access/bounds.ts";
import { watchHolders } from "../access/holder-bounds.ts";
import type { Caller, ProfileRef } from "../access/principal.ts";
import { notFound } from "../kernel/error.ts";
import { type Page, type PageInput, pageWithin } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { type AccessDeps, checkTeamMember } from "../role/change.ts";
import { getTeam } from "./team.ts";

/** A team and a person. */
export interface TeamMembership {
  id: string;
  profileId: string;
}

/** Lists the members of a team. */
export async function listTeamMembers(
  db: Db,
  caller: Caller,
  id: string,
  input: PageInput,
): Promise<Page<ProfileRef>> {
  const query = db
    .selectFrom("team_member as m")
    .innerJoin("profile as p", "p.id", "m.profile_id")
    .select(["p.id", "p.type", "p.name", "p.email"])
    .where("m.account_id", "=", caller.accountId)
    .where("m.team_id", "=", id);
  const team = sql`select from team where account_id = ${caller.accountId} and id = ${id}`;
  const found = await pageWithin(db, team, query, "p.id", input);
  if (!found) throw notFound("team");
  return found;
}

/** Adds a person to a team. The caller must hold all permissions of the team. */
export function addTeamMember(
  db: Store,
  caller: Caller,
  deps: AccessDeps,
  input: TeamMembership,
): Promise<ProfileRef> {
  const locks = memberLocks(caller, input);
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const team = await getTeam(tx, caller, input.id);
    const profile = await findPerson(tx, caller, input.profileId);
    if (await isMember(tx, team.id, profile)) return { result: profile, events: [] };
    await checkTeamMember(tx, caller, deps, team.id, profile.id);
    const affected = { profiles: [profile.id] };
    const requireHoldersWithin = await watchHolders(tx, caller.accountId, deps.bounds, affected);
    await tx
      .insertInto("team_member")
      .values({
        account_id: caller.accountId,
        team_id: team.id,
        profile_id: profile.id,
        created_by: caller.profile.id,
      })
      .execute();
    requireWithin(deps.bounds, "teamsPerProfile", await countTeams(tx, caller, profile.id));
    await requireHoldersWithin();
    const change = { resourceType: "team", resourceId: team.id, after: { profile_id: profile.id } };
    return { result: profile, events: [change] };
  });
}

/** Removes a person from a team. */
export function removeTeamMember(db: Store, caller: Caller, input: TeamMembership): Promise<void> {
  const locks = memberLocks(caller, input);
  return mutate(db, { by: caller, locks }, async (tx, caller) => {
    const team = await getTeam(tx, caller, input.id);
    const profile = await findPerson(tx, caller, input.profileId);
    const removed = await tx
      .deleteFrom("team_member")
      .where("account_id", "=", caller.accountId)
      .where("team_id", "=", team.id)
      .where("profile_id", "=", profile.id)
      .executeTakeFirst();
    const change = { resourceType: "team", resourceId: team.id, before: { profile_id: profile.id } };
    return { result: undefined, events: removed.numDeletedRows === 0n ? [] : [change] };
  });
}

// The permissions of the person change, so the lock waits for their running changes.
function memberLocks({ accountId }: Caller, { id, profileId }: TeamMembership): RowLock[] {
  return [
    rowLock("team", accountId, id, "no key update"),
    rowLock("membership", accountId, profileId, "no key update"),
  ];
}

async function isMember(tx: Tx, teamId: string, profile: ProfileRef): Promise<boolean> {
  const member = await tx
    .selectFrom("team_member")
    .select("profile_id")
    .where("team_id", "=", teamId)
    .where("profile_id", "=", profile.id)
    .executeTakeFirst();
  return member !== undefined;
}

async function countTeams(tx: Tx, caller: Caller, profileId: string): Promise<number> {
  const { total } = await tx
    .selectFrom("team_member")
    .select(sql<number>`count(*)::int`.as("total"))
    .where("account_id", "=", caller.accountId)
    .where("profile_id", "=", profileId)
    .executeTakeFirstOrThrow();
  return total;
}

async function findPerson(tx: Tx, caller: Caller, profileId: string): Promise<ProfileRef> {
  const profile = await tx
    .selectFrom("profile")
    .innerJoin("membership", "membership.profile_id", "profile.id")
    .select(["profile.id", "profile.type", "profile.name", "profile.email"])
    .where("profile.account_id", "=", caller.accountId)
    .where("profile.id", "=", profileId)
    .executeTakeFirst();
  if (!profile) throw notFound("profile");
  return profile;
}
