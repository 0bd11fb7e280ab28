import { sql } from "kysely";
import type { Db, Store, Tx } from "../../db/connect.ts";
import { requireWithin } from "../access/bounds.ts";
import { oversizedHolders, refuseGrowth } from "../access/holder-bounds.ts";
import type { Caller, ProfileRef } from "../access/principal.ts";
import { notFound } from "../kernel/error.ts";
import { type Page, type PageInput, pageWithin } from "../kernel/list.ts";
import { mutate } from "../kernel/mutation.ts";
import { type RowLock, rowLock } from "../kernel/row-lock.ts";
import { together } from "../kernel/together.ts";
import { type AccessDeps, checkTeamMember } from "../role/change.ts";
import { readTeam, requireTeam } from "./team.ts";

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
  const affected = { profiles: [input.profileId] };
  const holders = (tx: Tx) => oversizedHolders(tx, caller.accountId, deps.bounds, affected);
  const read = async (tx: Tx) => {
    const [membership, oversized] = await together([readMembership(tx, caller, input), holders(tx)]);
    return { ...membership, oversized };
  };
  return mutate(db, { by: caller, locks, read }, async (tx, caller, found) => {
    const team = requireTeam(found.team);
    const profile = requirePerson(found.person);
    if (found.isMember) return { events: [], write: async () => profile };
    await checkTeamMember(tx, caller, deps, team.id, profile.id);
    const row = {
      account_id: caller.accountId,
      team_id: team.id,
      profile_id: profile.id,
      created_by: caller.profile.id,
    };
    return {
      events: [{ resourceType: "team", resourceId: team.id, after: { profile_id: profile.id } }],
      async write() {
        const [, teams, oversized] = await together([
          tx.insertInto("team_member").values(row).execute(),
          countTeams(tx, caller, profile.id),
          holders(tx),
        ]);
        requireWithin(deps.bounds, "teamsPerProfile", teams);
        refuseGrowth(deps.bounds, found.oversized, oversized);
        return profile;
      },
    };
  });
}

/** Removes a person from a team. */
export function removeTeamMember(db: Store, caller: Caller, input: TeamMembership): Promise<void> {
  const locks = memberLocks(caller, input);
  const read = (tx: Tx) => readMembership(tx, caller, input);
  return mutate(db, { by: caller, locks, read }, async (tx, caller, { team: found, person, isMember }) => {
    const team = requireTeam(found);
    const profile = requirePerson(person);
    if (!isMember) return { events: [], write: async () => undefined };
    return {
      events: [{ resourceType: "team", resourceId: team.id, before: { profile_id: profile.id } }],
      write: async () => void (await deleteMember(tx, caller, team.id, profile.id)),
    };
  });
}

async function readMembership(tx: Tx, caller: Caller, { id, profileId }: TeamMembership) {
  const [team, person, isMember] = await together([
    readTeam(tx, caller, id),
    readPerson(tx, caller, profileId),
    readIsMember(tx, id, profileId),
  ]);
  return { team, person, isMember };
}

function deleteMember(tx: Tx, caller: Caller, teamId: string, profileId: string) {
  return tx
    .deleteFrom("team_member")
    .where("account_id", "=", caller.accountId)
    .where("team_id", "=", teamId)
    .where("profile_id", "=", profileId)
    .execute();
}

// The permissions of the person change, so the lock waits for their running changes.
function memberLocks({ accountId }: Caller, { id, profileId }: TeamMembership): RowLock[] {
  return [
    rowLock("team", accountId, id, "no key update"),
    rowLock("membership", accountId, profileId, "no key update"),
  ];
}

async function readIsMember(tx: Tx, teamId: string, profileId: string): Promise<boolean> {
  const member = await tx
    .selectFrom("team_member")
    .select("profile_id")
    .where("team_id", "=", teamId)
    .where("profile_id", "=", profileId)
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

function readPerson(tx: Tx, caller: Caller, profileId: string): Promise<ProfileRef | undefined> {
  return tx
    .selectFrom("profile")
    .innerJoin("membership", "membership.profile_id", "profile.id")
    .select(["profile.id", "profile.type", "profile.name", "profile.email"])
    .where("profile.account_id", "=", caller.accountId)
    .where("profile.id", "=", profileId)
    .executeTakeFirst();
}

function requirePerson(profile: ProfileRef | undefined): ProfileRef {
  if (!profile) throw notFound("profile");
  return profile;
}
