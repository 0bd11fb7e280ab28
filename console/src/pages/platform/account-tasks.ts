import type { Account } from "../../../gen/latchkey/v1/account_pb.ts";

/** What the user does with an account in a dialog. */
export interface AccountTask {
  name: "entitlements" | "owner" | "suspend" | "resume";
  account: Account;
}

/** Returns the id of an account. */
export function idOf({ metadata }: Account): string {
  return metadata?.id ?? "";
}

/** Returns the name of an account. */
export function nameOf({ metadata }: Account): string {
  return metadata?.name ?? "";
}
