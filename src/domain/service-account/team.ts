import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import type { Bounds } from "../access/bounds.ts";
import { type Oversized, oversizedTeams } from "../access/holder-bounds.ts";
import type { Caller } from "../access/principal.ts";
import { invalidField } from "../kernel/error.ts";
import { together } from "../kernel/together.ts";
import { checkServiceTeam } from "../role/change.ts";

/** The new team of a service account: whether it exists, and the sizes of it and the old team if they are above the bound. */
export interface TargetTeam {
  exists: boolean;
  oversized: Oversized;
}

/** Reads the new team of a service account, and the sizes of its new and its old team. */
export async function readTargetTeam(
  tx: Tx,
  { accountId }: Pick<Caller, "accountId">,
  bounds: Bounds,
  teamId: string,
  serviceAccountId?: string,
): Promise<TargetTeam> {
  const current = sql`(
    select team_id from service_account where account_id = ${accountId} and id = ${serviceAccountId ?? ""}
  )`;
  const [team, oversized] = await together([
    tx
      .selectFrom("team")
      .select("id")
      .where("account_id", "=", accountId)
      .where("id", "=", teamId)
      .executeTakeFirst(),
    oversizedTeams(tx, accountId, bounds, sql`array[${teamId}, ${current}]::text[]`),
  ]);
  return { exists: team !== undefined, oversized };
}

/** Fails with a violation of a field if the team does not exist. */
export function requireTeam(team: TargetTeam, field: string): void {
  if (!team.exists) throw invalidField(field, "expected the id of a team of this account");
}

/** Fails if the team does not exist, or if the service account would reach more than the caller. It leaves the team `from`. */
export async function checkTeam(
  tx: Tx,
  caller: Caller,
  team: TargetTeam,
  teamId: string,
  from: string,
): Promise<void> {
  requireTeam(team, "spec.team_id");
  await checkServiceTeam(tx, caller, teamId, from);
}
