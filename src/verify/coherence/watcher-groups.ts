import type { Clock } from "./clock.ts";
import type { Accounts } from "./feed-message.ts";
import type { WatcherControl } from "./watcher.ts";

/** The guards of an instance, by the account whose changes they receive. */
export interface WatcherGroups {
  /** Adds a guard of an account, or of every account. */
  add(accountId: string | undefined, one: WatcherControl): void;
  /**
   * Removes a guard whose stream has ended, when its grants have ended too: until then, it may use what it keeps, and
   * changes wait for it.
   */
  removeAfterGrant(accountId: string | undefined, one: WatcherControl): void;
  /** Returns the guards that receive the changes of this account only. */
  of(accountId: string): Iterable<WatcherControl>;
  /** Returns the guards that receive the changes of every account. */
  ofEveryAccount(): Iterable<WatcherControl>;
  /** Returns all guards that receive the changes of some of these accounts. */
  concernedBy(accounts: Accounts): Iterable<WatcherControl>;
  /** Returns how many guards a group has. */
  sizeOf(accountId: string | undefined): number;
  size(): number;
}

// The group of the guards of every account.
const platform = "";

/** Creates the groups of an instance that has no guards. */
export function createWatcherGroups(clock: Clock): WatcherGroups {
  const groups = new Map<string, Set<WatcherControl>>();
  let size = 0;

  function remove(name: string, one: WatcherControl): void {
    const group = groups.get(name);
    if (!group?.delete(one)) return;
    if (group.size === 0) groups.delete(name);
    size -= 1;
  }

  function removeAfterGrant(accountId: string | undefined, one: WatcherControl): void {
    const left = one.grantedUntil() - clock.monotonic();
    if (left < 0) remove(accountId ?? platform, one);
    else setTimeout(() => removeAfterGrant(accountId, one), Math.ceil(left) + 1).unref();
  }

  return {
    add(accountId = platform, one) {
      groups.set(accountId, (groups.get(accountId) ?? new Set()).add(one));
      size += 1;
    },
    removeAfterGrant,
    of: (accountId) => groups.get(accountId) ?? [],
    ofEveryAccount: () => groups.get(platform) ?? [],
    *concernedBy(accounts) {
      if (accounts === "all") {
        for (const group of groups.values()) yield* group;
        return;
      }
      for (const id of accounts) yield* groups.get(id) ?? [];
      yield* groups.get(platform) ?? [];
    },
    sizeOf: (accountId = platform) => groups.get(accountId)?.size ?? 0,
    size: () => size,
  };
}
