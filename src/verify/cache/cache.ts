import { LRUCache } from "lru-cache";
import { type Credential, withAccessOf } from "../evaluate/credential.ts";

/** What is remembered of credentials and workspaces. Bounded; forgets by tag. */
export interface Cache {
  credential(id: string): Credential | undefined;
  workspace(id: string): CachedWorkspace | undefined;
  /** Whether something of this id is or was remembered: so it exists, or did. */
  hasSeen(id: string): boolean;
  /** Keeps a credential that is current, with the access to other accounts that is kept of it. Returns what is kept. */
  keepCredential(credential: Credential): Credential;
  keepWorkspace(workspace: CachedWorkspace): void;
  /** Forgets everything that has one of these tags: an id of a key, session, user or account, or `*` for everything. */
  invalidate(tags: readonly string[]): void;
  size(): number;
}

/** A workspace, as verification knows it. */
export interface CachedWorkspace {
  id: string;
  accountId: string;
  live: boolean;
}

interface Entry {
  tags: readonly string[];
  credential?: Credential;
  workspace?: CachedWorkspace;
}

// What an entry takes, and what each account that it opens and each item of a list adds: measured, see bench/README.md.
const bytesPerEntry = 500;
const bytesPerAccess = 600;
const bytesPerItem = 40;
const bytesOfNothing = 120;
const bytesPerKept = 2_048;
// Of what was forgotten, only that it was there.
const forgotten: Entry = { tags: [] };

/** Creates a cache of at most `entries` entries of ordinary size, and of the bytes that so many take. */
export function createCache(entries: number): Cache {
  const byTag = new Map<string, Set<string>>();
  const kept = new LRUCache<string, Entry>({
    max: entries,
    maxSize: entries * bytesPerKept,
    dispose(entry, id) {
      for (const tag of entry.tags) untag(tag, id);
    },
  });

  function untag(tag: string, id: string): void {
    const ids = byTag.get(tag);
    ids?.delete(id);
    if (ids?.size === 0) byTag.delete(tag);
  }

  function keep(id: string, entry: Entry, bytes: number): void {
    kept.delete(id);
    kept.set(id, entry, { size: bytes });
    if (!kept.has(id)) return;
    for (const tag of entry.tags) {
      const ids = byTag.get(tag);
      if (ids) ids.add(id);
      else byTag.set(tag, new Set([id]));
    }
  }

  function forgetOne(id: string): void {
    if (kept.has(id)) keep(id, forgotten, bytesOfNothing);
  }

  return {
    credential: (id) => kept.get(id)?.credential,
    workspace: (id) => kept.get(id)?.workspace,
    hasSeen: (id) => kept.has(id),
    keepCredential(loaded) {
      const earlier = kept.peek(loaded.id)?.credential;
      const credential = earlier ? withAccessOf(loaded, earlier) : loaded;
      const { openings } = credential;
      const bytes = bytesPerEntry + openings.length * bytesPerAccess + itemsOf(credential) * bytesPerItem;
      keep(credential.id, { tags: tagsOf(credential), credential }, bytes);
      return credential;
    },
    keepWorkspace(workspace) {
      keep(workspace.id, { tags: [workspace.accountId], workspace }, bytesPerEntry);
    },
    invalidate(tags) {
      for (const tag of tags) {
        if (tag === "*") kept.clear();
        else {
          forgetOne(tag);
          for (const id of [...(byTag.get(tag) ?? [])]) forgetOne(id);
        }
      }
    },
    size: () => kept.size,
  };
}

/** By what a credential is forgotten, besides its own id: its user, and every account that it opens. */
export function tagsOf(credential: Credential): string[] {
  const accounts = credential.accounts.map((account) => account.account_id);
  return credential.user_id === null ? accounts : [credential.user_id, ...accounts];
}

function itemsOf({ tokens, accounts, openings }: Credential): number {
  let items = tokens.length;
  if (accounts !== openings) for (const { roles } of accounts) items += 2 + (roles?.length ?? 0) * 4;
  for (const { held, liveWorkspaces, archivedWorkspaces, entitlements, roles } of openings) {
    items += held.permissions.length * (held.entries ? 2 : 1) + entitlements.length;
    items += liveWorkspaces.length + archivedWorkspaces.length;
    for (const role of roles ?? []) items += role.permissions.length + 4;
  }
  return items;
}
