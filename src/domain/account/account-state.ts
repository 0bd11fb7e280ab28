import type { Account } from "./account.ts";

/** The state of an account. The platform can resume a suspended account, and a deleted one until its data is removed. */
export type AccountState = "active" | "suspended" | "deleted";

/** Returns the state of an account. A deleted account stays deleted, even if it is also suspended. */
export function accountStateOf(account: Pick<Account, "deleted_at" | "suspended_at">): AccountState {
  if (account.deleted_at) return "deleted";
  return account.suspended_at ? "suspended" : "active";
}
