import { sql } from "kysely";
import type { Tx } from "../../db/connect.ts";
import { DomainError } from "../kernel/error.ts";
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

/** Refuses one more of something where the account's plan bounds how many it may have. */
export async function requireRoom(tx: Tx, caller: Caller, entitlement: keyof typeof counted): Promise<void> {
  const limit = entitledNumber(caller.entitlements, entitlement);
  if (limit === undefined) return;
  // Locked, so that of two that are made at once the second counts the first.
  await sql`select from account where id = ${caller.accountId} for no key update`.execute(tx);
  const { rows } = await sql<{ total: number }>`${counted[entitlement]}${caller.accountId}`.execute(tx);
  if ((rows[0]?.total ?? 0) < limit) return;
  throw new DomainError("ENTITLEMENT_REQUIRED", `the account's plan includes ${limit} of these`, {
    entitlement,
    limit: String(limit),
  });
}
