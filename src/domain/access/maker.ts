import { createHash } from "node:crypto";
import { type Selectable, sql } from "kysely";
import type { Db } from "../../db/connect.ts";
import type { Database } from "../../db/schema.ts";
import { together } from "../kernel/together.ts";
import { actPermission, reachInTenants } from "./acting.ts";
import { reachOf } from "./escalation.ts";
import { limitingKey } from "./limited.ts";
import { holds, narrow, narrowed } from "./permission.ts";
import type { Caller } from "./principal.ts";
import { isWithin, type Reach } from "./reach.ts";

/** The credential that created a pending record, stored with that record. At most one field is set. */
export interface MakerColumns {
  made_by_key: string | null;
  made_by_session: string | null;
  made_by_identity: string | null;
}

/** The maker of a pending record: the profile and the credential that created it. */
export interface Maker extends MakerColumns {
  profileId: string;
}

/** What a maker reaches now. */
export interface MakerNow {
  reach: Reach;
  owner: boolean;
  /**
   * True for a token of an external issuer. The server no longer knows what it claimed, only that the person still
   * exists.
   */
  claims: boolean;
}

/** Returns the credential of a caller, to be stored with the pending records that it creates. */
export function makerColumns(caller: Caller): MakerColumns {
  const { credentialId: id, kind } = caller.authority;
  return {
    // What an embed session makes pending ends with its key.
    made_by_key: kind === "session" || kind === "outside" ? null : (caller.keyId ?? id),
    made_by_session: kind === "session" ? id : null,
    made_by_identity: kind === "outside" ? id : null,
  };
}

/** Returns a digest of what a caller reaches, to be stored with the pending records that it creates. */
export function callerDigest(caller: Caller): string {
  return digestOf({ reach: reachOf(caller), owner: caller.owner });
}

/** Returns the key of a maker. All sessions of one person have the same key, because they reach the same. */
export function makerKey({ made_by_key, made_by_identity, profileId }: Maker): string {
  return made_by_key ?? `${profileId} ${made_by_identity === null ? "" : "outside"}`;
}

/** Returns a digest of what a maker reaches. While the digest is the same, nothing needs to be compared. */
export function digestOf({ reach, owner }: Pick<MakerNow, "reach" | "owner">): string {
  const { permissions, workspaces, environment, end, limitedBy } = reach;
  const sorted = workspaces === "all" ? workspaces : workspaces.toSorted();
  const parts = [permissions.toSorted(), sorted, environment, end?.toISOString() ?? null, owner];
  // The digests of makers without limits are those of earlier versions.
  if (limitedBy !== null) parts.push(limitedBy);
  return createHash("sha256").update(JSON.stringify(parts)).digest("base64url");
}

/** Returns whether a maker still holds what it gave. A credential that has ended holds nothing. */
export function makerHolds(maker: MakerNow | undefined, given: Reach, ownerRole = false): boolean {
  if (!maker) return false;
  if (maker.claims) return true;
  return isWithin(given, maker.reach) && (!ownerRole || maker.owner);
}

/**
 * Returns what some makers in an account reach now, by `makerKey`. Makers that have ended are missing. A session counts
 * by its person only, so a logout or an expiry does not end its maker. One statement reads the keys and one the people.
 */
export async function loadMakers(
  db: Db,
  accountId: string,
  makers: readonly Maker[],
): Promise<Map<string, MakerNow>> {
  const keys = makers.flatMap(({ made_by_key }) => made_by_key ?? []);
  const people = makers.filter(({ made_by_key }) => made_by_key === null);
  const [ofKeys, ofPeople] = await together([
    loadKeyMakers(db, accountId, keys),
    loadPeople(
      db,
      accountId,
      people.map(({ profileId }) => profileId),
    ),
  ]);
  const found = makers.flatMap((maker): [string, MakerNow][] => {
    const { made_by_key, made_by_identity, profileId } = maker;
    const now = made_by_key === null ? ofPeople.get(profileId) : ofKeys.get(made_by_key);
    return now ? [[makerKey(maker), { ...now, claims: made_by_identity !== null }]] : [];
  });
  return new Map(found);
}

/** A key as verification sees it: its reach, and whether it has ended. */
export interface KeyNow {
  accountId: string;
  reach: Reach;
  /** The most that it reaches after its owner has lost something. */
  most: Reach;
  ended: boolean;
  platform: boolean;
}

/** Loads keys by their ids. With `accountId`, only keys of this account. */
export async function loadKeys(
  db: Db,
  ids: readonly string[],
  accountId?: string,
): Promise<Map<string, KeyNow>> {
  if (ids.length === 0) return new Map();
  const { rows } = await sql<Selectable<Database["bearer"]> & { ended: boolean }>`
    select c.*, (
      c.revoked_at is not null or c.disabled_at is not null
      or coalesce(c.expires_at <= clock_timestamp(), false)
    ) as ended
    from unnest((select ${[...new Set(ids)]}::text[])) as one (id)
    cross join lateral (select * from bearer where bearer.id = one.id limit 1) c`.execute(db);
  return new Map(
    rows.flatMap(({ id, ended, environment, expires_at, openings: [accountAccess] }): [string, KeyNow][] => {
      if (!accountAccess || (accountId !== undefined && accountAccess.account_id !== accountId)) return [];
      const { permissions, owner_permissions: owner, workspace_scope, workspaces, platform } = accountAccess;
      const { now, most } = narrowed(permissions, owner ?? ["*"]);
      const live = Object.keys(workspaces).filter((one) => workspaces[one]);
      const reach: Reach = {
        permissions: now,
        workspaces: workspace_scope === "all" ? "all" : live,
        environment: environment ?? "every",
        end: expires_at,
        limitedBy: limitingKey(accountAccess.limits, id),
      };
      const key = { accountId: accountAccess.account_id, reach, most: { ...reach, permissions: most } };
      return [[id, { ...key, ended, platform }]];
    }),
  );
}

async function loadKeyMakers(db: Db, accountId: string, ids: string[]): Promise<Map<string, MakerNow>> {
  const keys = [...(await loadKeys(db, ids))];
  return new Map(
    keys.flatMap(([id, key]): [string, MakerNow][] => {
      const maker = keyMaker(key, accountId);
      return maker ? [[id, maker]] : [];
    }),
  );
}

/**
 * Returns what a key reaches in an account as a maker: in its own account, or in a tenant of the platform. Returns undefined
 * if the key has ended, or if it may not act in the account.
 */
export function keyMaker(
  { ended, platform, reach, ...key }: KeyNow,
  accountId: string,
): MakerNow | undefined {
  if (ended) return undefined;
  if (key.accountId === accountId) return { reach, owner: false, claims: false };
  if (!platform || !holds(reach.permissions, actPermission)) return undefined;
  return { reach: reachInTenants(reach), owner: false, claims: false };
}

// A guest holds only what a token claims, which is unknown here. So the result tells only that the guest exists.
async function loadPeople(db: Db, accountId: string, profileIds: string[]): Promise<Map<string, MakerNow>> {
  if (profileIds.length === 0) return new Map();
  const { rows } = await sql<{
    id: string;
    permissions: string[] | null;
    all_workspaces: boolean | null;
    owner: boolean | null;
    workspaces: string[];
  }>`
    select p.id, m.permissions, m.all_workspaces, m.owner, array(
      select w.id from workspace_grant g
      join workspace w on w.account_id = g.account_id and w.id = g.workspace_id
      where g.account_id = p.account_id and g.profile_id = p.id and w.archived_at is null
    ) as workspaces
    from profile p
    left join member_rights m on m.account_id = p.account_id and m.profile_id = p.id
    where p.account_id = ${accountId} and p.id = any (${profileIds}) and p.type = 'user' and p.removed_at is null`.execute(
    db,
  );
  return new Map(
    rows.map((row) => {
      const workspaces = row.all_workspaces ? "all" : row.workspaces;
      const permissions = narrow(row.permissions ?? [], ["*"]);
      const reach: Reach = { permissions, workspaces, environment: "every", end: null, limitedBy: null };
      return [row.id, { reach, owner: row.owner ?? false, claims: false }];
    }),
  );
}
