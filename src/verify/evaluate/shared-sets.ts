import { createHash, type Hash } from "node:crypto";
import { LRUCache } from "lru-cache";
import { effectiveSet, type PermissionSet } from "../../domain/access/permission.ts";
import { type Slices, sliceLength } from "../../domain/kernel/slices.ts";
import type { ShareText } from "./shared-texts.ts";

/** Returns the set of a list of an account, narrowed by what an owner may do. If `owner` is null, nothing narrows it. */
export type ShareSet = (
  accountId: string,
  own: readonly string[],
  owner: readonly string[] | null,
) => Slices<PermissionSet>;

// The set of shorter lists takes less time than their digest.
const shortLists = 64;
// The permissions and sets that are kept in all. They take about 10 MB.
const maxKept = 50_000;

/**
 * Creates the shared sets of a cache. It computes the set of equal long lists of an account once, for all keys and every load.
 * A digest stands for the lists. It tells every two different lists apart, so no list gets the set of another one.
 */
export function createSharedSets(share: ShareText): ShareSet {
  const kept = new LRUCache<string, PermissionSet>({
    maxSize: maxKept,
    sizeCalculation: ({ permissions }) => 1 + permissions.length,
  });
  return function* setOf(accountId, own, owner) {
    if (own.length + (owner?.length ?? 0) <= shortLists) return yield* effectiveSet(own, owner, share);
    const key = yield* digestOfLists(accountId, own, owner);
    const known = kept.get(key);
    if (known) return known;
    const set = yield* effectiveSet(own, owner, share);
    kept.set(key, set);
    return set;
  };
}

function* digestOfLists(
  accountId: string,
  own: readonly string[],
  owner: readonly string[] | null,
): Slices<string> {
  const hash = createHash("sha256");
  hash.update(JSON.stringify([accountId, own.length, owner?.length ?? null]));
  yield* addList(hash, own);
  yield* addList(hash, owner ?? []);
  return hash.digest("base64");
}

function* addList(hash: Hash, list: readonly string[]): Slices<void> {
  for (let start = 0; start < list.length; start += sliceLength) {
    hash.update(JSON.stringify(list.slice(start, start + sliceLength)));
    yield;
  }
}
