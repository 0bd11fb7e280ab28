import type { ApiKeyRow } from "./api-key.ts";

/** The state of a key. A revoked key stays revoked. The other states can change. */
export type KeyState = "active" | "disabled" | "expired" | "revoked";

/** Returns the state of a key. If several apply, it is the one that is hardest to leave: revoked, expired, disabled. */
export function keyStateOf(key: Pick<ApiKeyRow, "revoked_at" | "expired" | "disabled_at">): KeyState {
  if (key.revoked_at) return "revoked";
  if (key.expired) return "expired";
  return key.disabled_at ? "disabled" : "active";
}
