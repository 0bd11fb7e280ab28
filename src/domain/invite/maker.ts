import type { Tx } from "../../db/connect.ts";
import {
  keyMaker,
  loadKeys,
  loadMakers,
  type Maker,
  type MakerNow,
  makerHolds,
  makerKey,
} from "../access/maker.ts";
import { holds } from "../access/permission.ts";
import type { Reach } from "../access/reach.ts";
import { rightsOfProfile } from "../access/rights.ts";
import { DomainError } from "../kernel/error.ts";

/** The parts of an invite that its maker depends on. */
export interface MadeInvite extends Omit<Maker, "profileId"> {
  account_id: string;
  created_by: string;
  /** Set for the first owner of an account: the permission that the platform key needs. */
  maker_permission: string | null;
}

/**
 * Fails if the maker of an invite no longer holds what it gives: the credential that made it has ended, or reaches less
 * than the invite gives now. A logout, a rotation or the expiry of a session does not end an invite.
 */
export async function requireMaker(
  tx: Tx,
  invite: MadeInvite,
  given: Reach,
  ownerRole: boolean,
): Promise<void> {
  const maker = await makerNow(tx, invite, ownerRole);
  if (maker && makerHolds(maker, given, ownerRole)) return;
  const missing = given.permissions.find((one) => !maker || !holds(maker.reach.permissions, one));
  throw makerLacks(missing ?? "*");
}

function makerLacks(permission: string): DomainError {
  return new DomainError(
    "PERMISSION_DENIED",
    "the maker of this invite no longer holds all permissions and workspaces that it gives",
    { permission },
  );
}

async function makerNow(tx: Tx, invite: MadeInvite, ownerRole: boolean): Promise<MakerNow | undefined> {
  const { account_id: accountId, created_by: profileId, made_by_key: keyId } = invite;
  if (keyId !== null) {
    const key = (await loadKeys(tx, [keyId])).get(keyId);
    if (!key || key.ended) return undefined;
    if (key.accountId === accountId || !ownerRole) return keyMaker(key, accountId);
    return key.platform ? standInMaker(key.reach, invite) : undefined;
  }
  if (invite.made_by_session === null && invite.made_by_identity === null) return earlier(tx, invite);
  const maker = { ...invite, profileId };
  const now = (await loadMakers(tx, accountId, [maker])).get(makerKey(maker));
  // Only stored roles count, not the claims of the token that made the invite.
  return now && { ...now, claims: false };
}

const openingPermission = "accounts:write";

// A platform key invites the first owner of an account, and counts with the permissions of an owner. Its environment and its
// end count for an account that existed before the invite. A key that acts for a tenant invites no owner.
function standInMaker(reach: Reach, { maker_permission }: MadeInvite): MakerNow {
  const needed = maker_permission ?? openingPermission;
  if (!holds(reach.permissions, needed)) throw makerLacks(needed);
  const limits = needed === openingPermission ? ({ environment: "every", end: null } as const) : {};
  return {
    reach: { ...reach, permissions: ["*"], workspaces: "all", ...limits },
    owner: true,
    claims: false,
  };
}

// Handles an invite that an earlier version of the server made without storing the credential.
async function earlier(tx: Tx, { account_id, created_by }: MadeInvite): Promise<MakerNow> {
  const { permissions, allWorkspaces, workspaceIds, owner } = await rightsOfProfile(
    tx,
    account_id,
    created_by,
  );
  const workspaces = allWorkspaces ? "all" : workspaceIds;
  return {
    reach: { permissions, workspaces, environment: "every", end: null, limitedBy: null },
    owner,
    claims: false,
  };
}
