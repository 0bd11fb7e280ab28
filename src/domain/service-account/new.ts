import type { Tx } from "../../db/connect.ts";
import type { Labels } from "../../db/schema.ts";
import { type Bounds, requireWithin } from "../access/bounds.ts";
import { refuseEscalation } from "../access/escalation.ts";
import { requireTeamWithin } from "../access/holder-bounds.ts";
import type { Caller } from "../access/principal.ts";
import type { Reach } from "../access/reach.ts";
import { nothing, type Rights, rightsOfTeam } from "../access/rights.ts";
import { type Change, pick } from "../kernel/audit-event.ts";
import { findByExternalId, requireFree } from "../kernel/external-id.ts";
import { newId } from "../kernel/id.ts";
import { giveName } from "../kernel/name.ts";
import { countRows } from "../kernel/row-count.ts";
import { countLock, type RowLock, rowLock } from "../kernel/row-lock.ts";
import { nameKey, requireName } from "../kernel/text.ts";
import { together } from "../kernel/together.ts";
import { readTargetTeam, requireTeam, type TargetTeam } from "./team.ts";

/** The fields of a new service account. */
export interface ServiceAccountFields {
  name: string;
  description: string;
  externalId: string;
  labels: Labels;
  teamId: string;
}

/** The names of the request fields, for errors. */
export interface FieldNames {
  name: string;
  teamId: string;
}

/** What the creation of a service account reads under its locks. */
export interface FoundForServiceAccount {
  team: TargetTeam;
  /** The service account as the owner of a key. Its rights are those of its team. */
  owner: { profileId: string; rights: Rights | null; removed: false };
  total: number;
  taken: Awaited<ReturnType<typeof findByExternalId>>;
}

/** The steps of the creation of a service account. A change runs them in this order, alone or with others of its own. */
export interface ServiceAccountCreation {
  id: string;
  profileId: string;
  teamId: string;
  locks: RowLock[];
  read(tx: Tx): Promise<FoundForServiceAccount>;
  /** Fails if the team does not exist, if the caller may do less than the team, or if a bound or an id is taken. */
  check(caller: Caller, found: FoundForServiceAccount): Change;
  write(tx: Tx, caller: Caller): Promise<void>;
}

/** The fields of a service account in an audit event. */
export const auditedFields = ["name", "description", "external_id", "labels", "team_id"] as const;

const ownFields = { name: "metadata.name", teamId: "spec.team_id" };

/** Prepares the creation of a service account. Fails with a violation if its name is empty. */
export function newServiceAccount(
  { accountId }: Caller,
  bounds: Bounds,
  input: ServiceAccountFields,
  fields: FieldNames = ownFields,
): ServiceAccountCreation {
  const { teamId } = input;
  const name = requireName(input.name, fields.name);
  const [id, profileId] = [newId("sa"), newId("prof")];
  const row = {
    id,
    account_id: accountId,
    profile_id: profileId,
    team_id: teamId,
    name,
    name_key: nameKey(name),
    description: input.description,
    external_id: input.externalId,
    labels: input.labels,
  };
  return {
    id,
    profileId,
    teamId,
    locks: [rowLock("team", accountId, teamId, "share"), countLock(accountId, "service_account")],
    async read(tx) {
      const [team, rights, total, taken] = await together([
        readTargetTeam(tx, { accountId }, bounds, teamId),
        rightsOfTeam(tx, accountId, teamId),
        countRows(tx, "service_account", accountId),
        findByExternalId(tx, "service_account", accountId, input.externalId),
      ]);
      return { team, owner: { profileId, rights, removed: false }, total, taken };
    },
    check(caller, { team, owner, total, taken }) {
      requireTeam(team, fields.teamId);
      refuseEscalation(caller, [{ after: reachOf(owner.rights ?? nothing) }]);
      requireTeamWithin(bounds, team.oversized, teamId);
      requireWithin(bounds, "serviceAccountsPerAccount", total + 1);
      requireFree(taken);
      return { resourceType: "service_account", resourceId: id, after: pick(row, auditedFields) };
    },
    async write(tx, caller) {
      const profile = { id: profileId, account_id: accountId, type: "service_account" as const, name };
      const made = { ...row, created_by: caller.profile.id };
      await together([
        tx.insertInto("profile").values(profile).execute(),
        giveName("service account", tx.insertInto("service_account").values(made).execute(), fields.name),
      ]);
    },
  };
}

// A service account may do what its team allows, in every workspace and environment, and does not end.
function reachOf({ permissions }: Rights): Reach {
  return { permissions, workspaces: "all", environment: "every", end: null, limitedBy: null };
}
