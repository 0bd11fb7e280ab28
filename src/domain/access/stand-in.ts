import { type Holder, refuseEscalation } from "./escalation.ts";
import type { Caller } from "./principal.ts";
import { lastingReach } from "./role-holder.ts";

// A platform key may stand in for the owner of an account that has none. It then gives permissions that it does not hold.
// Its environment, its end, its limits and a rotation that superseded its token still count.

/** Returns a caller as it stands in for the owner of an account: with all permissions in all workspaces. */
export function asStandIn(caller: Caller): Holder {
  return { ...caller, permissions: ["*"], workspaceScope: "all" };
}

/** Fails if a platform key may not give an account its first owner. */
export function requireStandIn(caller: Caller): void {
  refuseEscalation(asStandIn(caller), [{ after: everything }]);
}

/**
 * Fails if a rotation has superseded the caller's token, or if the caller has rate limits or credits. For a change that widens
 * an account as a whole.
 */
export function refuseSupersededOrLimited({ superseded, limitedBy }: Caller): void {
  const everywhere = { permissions: ["*"], workspaceScope: "all", workspaceIds: [] } as const;
  const holder: Holder = { ...everywhere, superseded, ...(limitedBy !== undefined && { limitedBy }) };
  refuseEscalation(holder, [{ after: everything }]);
}

const everything = lastingReach(["*"], "all");
