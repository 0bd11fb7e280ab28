import type { Accounts, Invalidation } from "./feed-message.ts";

/** Detects which accounts the transaction behind a change marker concerns. */
export interface Concerned {
  /** Records an invalidation. */
  add(message: Invalidation): void;
  /** Returns the accounts of the transaction whose change marker arrived, and forgets them. */
  take(): Accounts;
  /** Forgets the accounts, because a message of another transaction arrived. */
  reset(): void;
}

/**
 * Creates the detection. Postgres delivers the messages of a transaction together. An instance sends a message without
 * tags directly before each change marker, so that no earlier message counts as the whole. A change marker without it
 * comes from an earlier version of the server, and concerns every account.
 */
export function createConcerned(): Concerned {
  let accounts = new Set<string>();
  let complete = false;

  function reset(): void {
    accounts = new Set();
    complete = false;
  }

  return {
    add(message) {
      complete = message.tags.length === 0;
      const named = accountsOf(message);
      if (named === "all") accounts.add("*");
      else for (const id of named) accounts.add(id);
    },
    take() {
      const taken = complete && !accounts.has("*") ? accounts : "all";
      reset();
      return taken;
    },
    reset,
  };
}

/**
 * Returns the accounts of an invalidation. If it names a key and no account, it comes from a transaction that began before
 * the last migration, and may concern every account.
 */
export function accountsOf({ tags, accounts }: Invalidation): Accounts {
  if (tags.includes("*") || accounts.includes("*")) return "all";
  if (accounts.length === 0 && tags.some(isKey)) return "all";
  return new Set([...accounts, ...tags.filter(isAccount)]);
}

/** Returns whether a guard may keep something of this tag. Guards keep only what keys may do. */
export function concernsGuards(tag: string): boolean {
  return isKey(tag) || isAccount(tag) || tag === "*";
}

function isKey(tag: string): boolean {
  return tag.startsWith("key_");
}

function isAccount(tag: string): boolean {
  return tag.startsWith("acct_");
}
