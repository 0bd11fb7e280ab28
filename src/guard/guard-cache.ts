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

/** A tag, shared by all entries that have it. An invalidated tag is never used again. */
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
  readonly everything: Tag;
}

const bytesPerEntry = 400;
// The memory is bounded by what so many entries of ordinary size take.
const bytesPerOrdinary = 2_048;

/** Creates a cache of at most `max` entries. */
export function createGuardCache<T>(max: number): GuardCache<T> {
  const inFlight = createInFlightLoads();
  const tags = createTags();
  const release = ({ key, account, everything }: Entry<T>) => {
    for (const tag of [key, account, everything]) tags.release(tag);
  };
  // The entry of an invalidated tag stays until a look-up finds it, or until it is the least recently used one.
  const entries = new LRUCache<string, Entry<T>>({ max, maxSize: max * bytesPerOrdinary, dispose: release });
  return {
    recall(key, databaseTime) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      const isLive = entry.key.live && entry.account.live && entry.everything.live;
      if (isLive && databaseTime < entry.endsAt) return entry.value;
      entries.delete(key);
      return undefined;
    },
    begin() {
      const load = inFlight.begin();
      return {
        keep(key, { value, keyId, accountId, endsAt, bytes }) {
          if (load.sawAny([keyId, accountId])) return false;
          const [ofKey, account, everything] = [tags.of(keyId), tags.of(accountId), tags.everything()];
          const entry = { value, endsAt, key: ofKey, account, everything };
          for (const tag of [ofKey, account, everything]) tag.entries += 1;
          entries.set(key, entry, { size: bytesPerEntry + key.length + bytes });
          // An entry that is larger than the whole cache is not kept.
          if (!entries.has(key)) release(entry);
          return entries.has(key);
        },
        end: load.end,
      };
    },
    invalidate(ids) {
      inFlight.invalidate(ids);
      for (const id of ids) tags.invalidate(id);
    },
    size: () => tags.everything().entries,
  };
}

/** The tags of all entries. */
interface Tags {
  of(id: string): Tag;
  /** The tag of every entry since `*` was last invalidated. */
  everything(): Tag;
  invalidate(id: string): void;
  /** Records that an entry with this tag is gone. */
  release(tag: Tag): void;
}

function createTags(): Tags {
  const newTag = (id: string): Tag => ({ id, live: true, entries: 0 });
  let tags = new Map<string, Tag>();
  let everything = newTag("*");
  return {
    of(id) {
      const known = tags.get(id);
      if (known) return known;
      const tag = newTag(id);
      tags.set(id, tag);
      return tag;
    },
    everything: () => everything,
    invalidate(id) {
      if (id === "*") {
        everything.live = false;
        everything = newTag("*");
        tags = new Map();
        return;
      }
      const tag = tags.get(id);
      if (!tag) return;
      tag.live = false;
      tags.delete(id);
    },
    release(tag) {
      tag.entries -= 1;
      // A tag of the same id may have replaced an invalidated one.
      if (tag.entries === 0 && tags.get(tag.id) === tag) tags.delete(tag.id);
    },
  };
}
