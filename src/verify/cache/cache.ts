import { LRUCache } from "lru-cache";
import type { TenantJson } from "../../db/schema.ts";
import { type Credential, withAccessOf } from "../evaluate/credential.ts";

/** The cache of credentials and workspaces. It is bounded, and evicts entries by tag. */
export interface Cache {
  credential(id: string): Credential | undefined;
  workspace(id: string): CachedWorkspace | undefined;
  /** The account for which a platform key acts. */
  tenant(id: string): TenantJson | undefined;
  /** Returns whether the cache has or had an entry of this id, so that the id exists or did. */
  hasSeen(id: string): boolean;
  /** Keeps a current credential. Adds the access to other accounts from its earlier entry. Returns what it keeps. */
  keepCredential(credential: Credential): Credential;
  keepWorkspace(workspace: CachedWorkspace): void;
  keepTenant(tenant: TenantJson): void;
  /** Evicts every entry with one of these tags: the id of a key, session, user or account, or `*` for every entry. */
  invalidate(tags: readonly string[]): void;
  size(): number;
  /** Returns how often an entry was replaced or evicted. */
  changes(): number;
}

/** What verification needs to know about a workspace. */
export interface CachedWorkspace {
  id: string;
  accountId: string;
  live: boolean;
}

interface Entry {
  tags: readonly string[];
  credential?: Credential;
  workspace?: CachedWorkspace;
  tenant?: TenantJson;
}

// The memory of an entry, of each account access and of each item of a list, as measured (bench/README.md).
const bytesPerEntry = 500;
const bytesPerAccess = 600;
const bytesPerItem = 40;
const itemsPerLimit = 2;
const itemsPerCredit = 2;
const bytesPerEvicted = 120;
const bytesPerKept = 2_048;
// An evicted entry is kept without content, so that the cache knows that its id exists.
const evicted: Entry = { tags: [] };

/** Creates a cache of at most `entries` entries. Its memory is bounded by what so many entries of ordinary size take. */
export function createCache(entries: number): Cache {
  const byTag = createTagIndex();
  let changes = 0;
  const kept = new LRUCache<string, Entry>({
    max: entries,
    maxSize: entries * bytesPerKept,
    dispose(entry, id) {
      changes += 1;
      for (const tag of entry.tags) byTag.remove(tag, id);
    },
  });

  function keep(id: string, entry: Entry, bytes: number): void {
    kept.delete(id);
    kept.set(id, entry, { size: bytes });
    if (!kept.has(id)) return;
    for (const tag of entry.tags) byTag.add(tag, id);
  }

  function evict(id: string): void {
    if (kept.has(id)) keep(id, evicted, bytesPerEvicted);
  }

  return {
    credential: (id) => kept.get(id)?.credential,
    workspace: (id) => kept.get(id)?.workspace,
    tenant: (id) => kept.get(id)?.tenant,
    hasSeen: (id) => kept.has(id),
    keepCredential(loaded) {
      const earlier = kept.peek(loaded.id)?.credential;
      const credential = earlier ? withAccessOf(loaded, earlier) : loaded;
      const { openings } = credential;
      const lists = openings.length * bytesPerAccess + itemsOf(credential) * bytesPerItem;
      const bytes = bytesPerEntry + lists + textBytes(credential);
      keep(credential.id, { tags: tagsOf(credential), credential }, bytes);
      return credential;
    },
    keepWorkspace(workspace) {
      keep(workspace.id, { tags: [workspace.accountId], workspace }, bytesPerEntry);
    },
    keepTenant(tenant) {
      const bytes = bytesPerEntry + bytesPerAccess + tenant.entitlements.length * bytesPerItem;
      keep(tenant.id, { tags: [], tenant }, bytes);
    },
    invalidate(tags) {
      for (const tag of tags) {
        if (tag === "*") kept.clear();
        else {
          evict(tag);
          for (const id of byTag.idsOf(tag)) evict(id);
        }
      }
    },
    size: () => kept.size,
    changes: () => changes,
  };
}

/** The ids of the entries that have a tag. */
function createTagIndex() {
  const byTag = new Map<string, Set<string>>();
  return {
    add(tag: string, id: string): void {
      const ids = byTag.get(tag);
      if (ids) ids.add(id);
      else byTag.set(tag, new Set([id]));
    },
    remove(tag: string, id: string): void {
      const ids = byTag.get(tag);
      ids?.delete(id);
      if (ids?.size === 0) byTag.delete(tag);
    },
    idsOf: (tag: string): string[] => [...(byTag.get(tag) ?? [])],
  };
}

/**
 * Returns the tags that evict a credential, besides its own id: its user, every account that it gives access to, and the key
 * of an embed session.
 */
export function tagsOf(credential: Credential): string[] {
  const tags = credential.accounts.map((account) => account.account_id);
  if (credential.user_id !== null) tags.unshift(credential.user_id);
  if (credential.embed) tags.push(credential.embed.key_id, credential.embed.account_id);
  return tags;
}

// What clients write has any length up to its bound. A text takes one or two bytes per character.
function textBytes({ name, external_id, labels, openings }: Credential): number {
  let characters = (name?.length ?? 0) + (external_id?.length ?? 0);
  for (const label of labels) characters += label.length;
  for (const { external_id: id, limits } of openings) {
    characters += id.length;
    for (const limit of limits) characters += limit.name.length;
  }
  return 2 * characters;
}

function itemsOf({ tokens, accounts, openings, labels, embed }: Credential): number {
  let items = tokens.length + labels.length;
  if (embed) {
    const { held, liveWorkspaces, draws } = embed;
    items += held.permissions.length + liveWorkspaces.length + draws.limits.length * itemsPerLimit;
  }
  if (accounts !== openings) for (const { roles } of accounts) items += 2 + (roles?.length ?? 0) * 4;
  for (const access of openings) {
    const { held, liveWorkspaces, archivedWorkspaces, entitlements, roles, limits, credits } = access;
    items += held.permissions.length * (held.entries ? 2 : 1) + entitlements.length;
    items += liveWorkspaces.length + archivedWorkspaces.length;
    items += limits.length * itemsPerLimit + credits.length * itemsPerCredit;
    for (const role of roles ?? []) items += role.permissions.length + 4;
  }
  return items;
}
