import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { DomainError } from "../kernel/error.ts";
import { together } from "../kernel/together.ts";
import type { Caller } from "./principal.ts";

/**
 * Returns the number that a plan gives an entitlement. A plan has entries of the form `name` or `name=number`. Returns
 * undefined if the plan gives no number.
 */
export function entitledNumber(plan: readonly string[], name: string): number | undefined {
  const entry = plan.find((one) => one.startsWith(`${name}=`));
  return entry === undefined ? undefined : Number(entry.slice(name.length + 1));
}

// The statement that counts each entitlement. Revoked keys and archived workspaces do not count.
const counted = {
  max_api_keys: sql<{ total: number }>`select count(*)::int as total from api_key
    where revoked_at is null and not system and account_id = `,
  max_workspaces: sql<{ total: number }>`select count(*)::int as total from workspace
    where archived_at is null and account_id = `,
};

/** The number of things of one kind that an account has, for a kind that a plan can limit. */
export interface Counted {
  entitlement: keyof typeof counted;
  /** Undefined if the plan of the caller's account has no limit, because then the server counts nothing. */
  total: number | undefined;
}

/** Counts the things of one kind in the caller's account, if its plan limits them. */
export async function countEntitled(
  tx: Tx,
  { accountId, entitlements }: Caller,
  entitlement: keyof typeof counted,
): Promise<Counted> {
  if (entitledNumber(entitlements, entitlement) === undefined) return { entitlement, total: undefined };
  const [, { rows }] = await together([
    // The lock orders two concurrent creations, so that the second one counts the first.
    sql`select from account where id = ${accountId} for no key update`.execute(tx),
    sql<{ total: number }>`${counted[entitlement]}${accountId}`.execute(tx),
  ]);
  return { entitlement, total: rows[0]?.total ?? 0 };
}

/** Fails with `ENTITLEMENT_REQUIRED` if the plan of the caller's account leaves no room for one more. */
export function requireRoom(caller: Caller, { entitlement, total }: Counted): void {
  const limit = entitledNumber(caller.entitlements, entitlement);
  if (limit === undefined || (total !== undefined && total < limit)) return;
  // The plan has changed since the caller was first evaluated.
  if (total === undefined)
    throw new DomainError("CONFLICT", "the plan of the account has just changed: try again");
  throw new DomainError(
    "ENTITLEMENT_REQUIRED",
    `the plan of the account allows at most ${limit} (${entitlement})`,
    {
      entitlement,
      limit: String(limit),
    },
  );
}
