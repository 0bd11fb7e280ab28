import { LRUCache } from "lru-cache";
import { createInFlightLoads } from "../verify/cache/in-flight-loads.ts";

/** What the cache keeps of a response: the value, what invalidates it, and when its token expires. */
export interface Kept<T> {
  value: T;
  keyId: string;
  accountId: string;
  /** The time of the database at which the token expires, in milliseconds. Infinity if it does not. */
  endsAt: number;
  /** About how much memory the value takes. */
  bytes: number;
}

/** A load in flight whose result may be kept. */
export interface GuardLoad<T> {
  /** Keeps the result under a key, unless one of its tags was invalidated since the load began. Returns whether it did. */
  keep(key: string, kept: Kept<T>): boolean;
  /** Records that the load has ended. */
  end(): void;
}

/**
 * The cache of a guard. It is bounded. Each operation takes a constant time, however many entries a tag has: an invalidation
 * marks the tag, and a later look-up finds the mark.
 */
export interface GuardCache<T> {
  /** Returns the value of a key at this time of the database. The caller must hold a lease. */
  recall(key: string, databaseTime: number): T | undefined;
  /** Begins a load. Call it before the request is sent, and only under a lease. */
  begin(): GuardLoad<T>;
  /** Evicts every entry with one of these tags: the id of a key or an account, or `*` for every entry. */
  invalidate(tags: readonly string[]): void;
  size(): number;
}

/** A tag, shared by all entries that have it. */
interface Tag {
  readonly id: string;
  live: boolean;
  entries: number;
}

interface Entry<T> {
  readonly value: T;
  readonly endsAt: number;
  readonly key: Tag;
  readonly account: Tag;
}

/** The entries and tags since everything was last invalidated. */
interface Generation<T> {
  readonly entries: LRUCache<string, Entry<T>>;
  readonly tags: Map<string, Tag>;
  /** Records that an entry is gone. */
  release(entry: Entry<T>): void;
}

const bytesPerEntry = 400;
// The memory is bounded by what so many entries of ordinary size take.
const bytesPerOrdinary = 2_048;

/** Creates a cache of at most `max` entries. */
export function createGuardCache<T>(max: number): GuardCache<T> {
  const inFlight = createInFlightLoads();
  let { entries, tags, release } = newGeneration<T>(max);

  function tagOf(id: string): Tag {
    const known = tags.get(id);
    if (known) return known;
    const tag = { id, live: true, entries: 0 };
    tags.set(id, tag);
    return tag;
  }

  function invalidateTag(id: string): void {
    const tag = tags.get(id);
    if (!tag) return;
    tag.live = false;
    tags.delete(id);
  }

  return {
    recall(key, databaseTime) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (entry.key.live && entry.account.live && databaseTime < entry.endsAt) return entry.value;
      entries.delete(key);
      return undefined;
    },
    begin() {
      const load = inFlight.begin();
      return {
        keep(key, { value, keyId, accountId, endsAt, bytes }) {
          if (load.sawAny([keyId, accountId])) return false;
          const entry = { value, endsAt, key: tagOf(keyId), account: tagOf(accountId) };
          entry.key.entries += 1;
          entry.account.entries += 1;
          entries.set(key, entry, { size: bytesPerEntry + bytes });
          // An entry that is larger than the whole cache is not kept.
          if (!entries.has(key)) release(entry);
          return entries.has(key);
        },
        end: load.end,
      };
    },
    invalidate(ids) {
      inFlight.invalidate(ids);
      if (ids.includes("*")) ({ entries, tags, release } = newGeneration<T>(max));
      else for (const id of ids) invalidateTag(id);
    },
    size: () => entries.size,
  };
}

// Emptying a full cache would block the event loop, so a new one replaces it.
function newGeneration<T>(max: number): Generation<T> {
  const tags = new Map<string, Tag>();
  function release(entry: Entry<T>): void {
    for (const tag of [entry.key, entry.account]) {
      tag.entries -= 1;
      if (tag.entries === 0 && tag.live) tags.delete(tag.id);
    }
  }
  const entries = new LRUCache<string, Entry<T>>({ max, maxSize: max * bytesPerOrdinary, dispose: release });
  return { entries, tags, release };
}
