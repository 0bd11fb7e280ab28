import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { DomainError } from "../kernel/error.ts";
import { together } from "../kernel/together.ts";
import type { Caller } from "./principal.ts";

/** The number that a plan, as `name` or `name=number`, gives an entitlement; undefined where it says nothing. */
export function entitledNumber(plan: readonly string[], name: string): number | undefined {
  const entry = plan.find((one) => one.startsWith(`${name}=`));
  return entry === undefined ? undefined : Number(entry.slice(name.length + 1));
}

// What counts against which entitlement: what is over does not.
const counted = {
  max_api_keys: sql<{ total: number }>`select count(*)::int as total from api_key
    where revoked_at is null and not system and account_id = `,
  max_workspaces: sql<{ total: number }>`select count(*)::int as total from workspace
    where archived_at is null and account_id = `,
};

/** How many an account has of something that a plan bounds. */
export interface Counted {
  entitlement: keyof typeof counted;
  /** Undefined: nothing was counted, because the plan of the caller's account bounds nothing. */
  total: number | undefined;
}

/** Counts what the account of the caller has of something, if its plan bounds that. */
export async function countEntitled(
  tx: Tx,
  { accountId, entitlements }: Caller,
  entitlement: keyof typeof counted,
): Promise<Counted> {
  if (entitledNumber(entitlements, entitlement) === undefined) return { entitlement, total: undefined };
  const [, { rows }] = await together([
    // Locked, so that of two that are made at once the second counts the first.
    sql`select from account where id = ${accountId} for no key update`.execute(tx),
    sql<{ total: number }>`${counted[entitlement]}${accountId}`.execute(tx),
  ]);
  return { entitlement, total: rows[0]?.total ?? 0 };
}

/** Refuses one more of something than the plan of the caller's account includes. */
export function requireRoom(caller: Caller, { entitlement, total }: Counted): void {
  const limit = entitledNumber(caller.entitlements, entitlement);
  if (limit === undefined || (total !== undefined && total < limit)) return;
  // The plan has changed since the caller was first evaluated.
  if (total === undefined)
    throw new DomainError("CONFLICT", "the plan of the account has just changed: try again");
  throw new DomainError("ENTITLEMENT_REQUIRED", `the account's plan includes ${limit} of these`, {
    entitlement,
    limit: String(limit),
  });
}
