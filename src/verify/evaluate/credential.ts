import type { Selectable } from "kysely";
import type { AccountAccessJson, AccountJson, Database, EmbedJson } from "../../db/schema.ts";
import { withoutPlatformPermissions } from "../../domain/access/acting.ts";
import { effectiveSet, type PermissionSet } from "../../domain/access/permission.ts";
import { type Slices, sliceLength } from "../../domain/kernel/slices.ts";
import { digestOf } from "../../domain/kernel/token.ts";
import { type Draws, drawsIn, type KeptDraws, toDraws } from "./draws.ts";
import type { ShareSet } from "./shared-sets.ts";
import type { ShareText } from "./shared-texts.ts";

/** A row of the view `bearer`. Its `openings` contain the access to the one account that was loaded, if there is one. */
export type CredentialRow = Selectable<Database["bearer"]>;

/** A key or session, as the cache keeps it: the row of the view, with the digests of the tokens and the account access. */
export interface Credential
  extends Omit<CredentialRow, "tokens" | "accounts" | "openings" | "labels" | "embed"> {
  tokens: { id: string | null; digest: string; ends_at: number | null }[];
  /** Every account that it gives access to. */
  accounts: readonly KnownAccount[];
  /** The access to those accounts for which it was loaded. */
  openings: readonly AccountAccess[];
  /** The labels of a key: each name, followed by its value. Empty for every other credential. */
  labels: readonly string[];
  /** Of an embed session. Null for every other credential. */
  embed: Embed | null;
}

/** What narrows the key of an embed session, as the cache keeps it. */
export interface Embed extends Pick<EmbedJson, "key_id" | "account_id" | "ends_at"> {
  /** The list of the session, narrowed by what the key holds in every tenant. */
  held: PermissionSet;
  liveWorkspaces: readonly string[];
  /** The limits of the key, with counters that only the sessions of this account share. */
  draws: Draws;
}

/** An account that a credential gives access to. That access may not be loaded. */
export type KnownAccount = AccountJson;

type Computed = "workspaces" | "permissions" | "owner_permissions" | "limits";

/** The access of a credential to one account. It has the workspaces by their ids, and what its verifications take from. */
export interface AccountAccess extends Omit<AccountAccessJson, Computed>, KeptDraws {
  /** Its permissions there: its own list, narrowed by what its owner may do. Computed once, when the row is loaded. */
  held: PermissionSet;
  /** The names of the entitlements that are met. */
  entitled: readonly string[];
  liveWorkspaces: readonly string[];
  archivedWorkspaces: readonly string[];
  /** For an external identity: the access with the roles that its tokens claimed recently, by those roles. */
  claimed?: Map<string, Promise<AccountAccess>>;
}

/**
 * Converts rows to credentials of the cache. They take as little memory as possible, because they are kept for long:
 * `share` replaces a text by an equal one that is kept already, and `setOf` a set. The work grows with the lengths of their
 * lists, and pauses after each slice.
 */
export function* toCredentials(
  rows: readonly CredentialRow[],
  share: ShareText = (text) => text,
  setOf: ShareSet = (_, own, owner) => effectiveSet(own, owner, share),
): Slices<Credential[]> {
  const credentials: Credential[] = [];
  for (const row of rows) {
    const { id, kind, system, environment, expires_at, disabled_at, revoked_at, user_id, last_used_at } = row;
    const { name, external_id } = row;
    const tokens = row.tokens.map((token) => ({
      id: token.id,
      digest: digestOf(token.hash),
      ends_at: token.ends_at,
    }));
    const loaded: AccountAccess[] = [];
    for (const accountAccess of row.openings)
      loaded.push(yield* toAccountAccess(row.embed?.key_id ?? id, accountAccess, share, setOf));
    // A copy has no spare capacity.
    const openings = loaded.slice();
    const embed = row.embed ? yield* toEmbed(row.embed, loaded[0], share, setOf) : null;
    credentials.push({
      id,
      kind,
      system,
      environment,
      expires_at,
      disabled_at,
      revoked_at,
      user_id,
      last_used_at,
      tokens,
      accounts: accountsOf(row, share) ?? openings,
      openings,
      name,
      external_id,
      labels: labelsOf(row, share),
      embed,
    });
    yield;
  }
  return credentials;
}

const noLabels: readonly string[] = [];

// A list, because an object with the names of the labels would get its own hidden class and take several times as much.
function labelsOf({ labels }: CredentialRow, share: ShareText): readonly string[] {
  const entries = Object.entries(labels ?? {});
  return entries.length === 0 ? noLabels : entries.flatMap(([name, value]) => [share(name), value]);
}

// If the access to the only account is loaded, it also names the account.
function accountsOf(
  { accounts, openings }: CredentialRow,
  share: ShareText,
): readonly KnownAccount[] | undefined {
  if (!accounts || (accounts.length === 1 && openings.length === 1)) return undefined;
  return accounts.map((account) => ({ ...account, account_id: share(account.account_id) }));
}

/** Returns whether a credential gives access to an account, but that access was not loaded. */
export function lacksAccess({ accounts, openings }: Credential, accountId: string): boolean {
  return accounts.some((one) => one.account_id === accountId) && !accessTo(openings, accountId);
}

/** Returns the access to an account, if it was loaded. */
export function accessTo(openings: readonly AccountAccess[], accountId: string): AccountAccess | undefined {
  return openings.find((one) => one.account_id === accountId);
}

// Bounds the memory of one entry. A session that is used in more accounts at the same time is loaded again and again.
const maxKeptAccesses = 32;

/**
 * Adds the access to other accounts from an earlier load of the same credential. The earlier one must still be current. The
 * result has the tags of all accounts, so an invalidation of any of them drops it.
 */
export function withAccessOf(loaded: Credential, earlier: Credential): Credential {
  const more = earlier.openings.filter((one) => lacksAccess(loaded, one.account_id));
  if (more.length === 0) return loaded;
  return { ...loaded, openings: [...loaded.openings, ...more].slice(0, maxKeptAccesses) };
}

// The fields are written one by one, because a spread object takes more memory. The workspaces are lists, because an object
// with an id per name would get its own hidden class and take several times as much.
function* toAccountAccess(
  id: string,
  json: AccountAccessJson,
  share: ShareText,
  setOf: ShareSet,
): Slices<AccountAccess> {
  const { account_id, external_id, platform, suspended, profile, owner } = json;
  const { workspace_scope, workspaces, standing, roles } = json;
  const held = yield* setOf(account_id, json.permissions, json.owner_permissions);
  const entitlements = json.entitlements.map(share);
  const { live, archived } = yield* byState(workspaces);
  const { limits, credits, drawsOn, limitedBy } = toDraws(json, id, share);
  const accountAccess: AccountAccess = {
    account_id: share(account_id),
    external_id: share(external_id),
    platform,
    suspended,
    profile,
    owner,
    workspace_scope,
    held,
    entitlements,
    entitled: metBy(entitlements),
    liveWorkspaces: live,
    archivedWorkspaces: archived,
    limits,
    credits,
    drawsOn,
    limitedBy,
  };
  return standing ? { ...accountAccess, standing, roles: roles ?? [], claimed: new Map() } : accountAccess;
}

// A session without the access of its key holds nothing.
function* toEmbed(
  { key_id, account_id, ends_at, permissions, workspaces }: EmbedJson,
  own: AccountAccess | undefined,
  share: ShareText,
  setOf: ShareSet,
): Slices<Embed> {
  const most = withoutPlatformPermissions(own?.held.permissions ?? []);
  const held = yield* setOf(account_id, permissions, most);
  const { live } = yield* byState(workspaces);
  const { limits } = own ?? { limits: [] };
  return {
    key_id: share(key_id),
    account_id: share(account_id),
    ends_at,
    held,
    liveWorkspaces: live,
    draws: drawsIn(share(account_id), limits, share),
  };
}

function* byState(
  workspaces: AccountAccessJson["workspaces"],
): Slices<{ live: string[]; archived: string[] }> {
  const [live, archived]: [string[], string[]] = [[], []];
  for (const [n, id] of Object.keys(workspaces).entries()) {
    if (n % sliceLength === sliceLength - 1) yield;
    (workspaces[id] ? live : archived).push(id);
  }
  // A copy has no spare capacity.
  return { live: live.slice(), archived: archived.slice() };
}

/**
 * Returns the names of the entitlements that are met. An entitlement is `name` or `name=number`. A numeric entitlement is met
 * if the number is greater than 0.
 */
export function metBy(entitlements: readonly string[]): readonly string[] {
  if (!entitlements.some((entry) => entry.includes("="))) return entitlements;
  return entitlements.flatMap((entry) => {
    const [name = "", value] = entry.split("=");
    return value === undefined || Number(value) > 0 ? [name] : [];
  });
}
