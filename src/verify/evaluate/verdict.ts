import type { Environment } from "../../db/schema.ts";

/** The result of an evaluation. Each row of the table of errors has one value. */
export type Verdict =
  | "VALID"
  | "INVALID"
  | "EXPIRED"
  | "REVOKED"
  | "DISABLED"
  | "ACCOUNT_REQUIRED"
  | "ACCOUNT_MISMATCH"
  | "ACCOUNT_SUSPENDED"
  | "ENVIRONMENT_MISMATCH"
  | "WORKSPACE_FORBIDDEN"
  | "WORKSPACE_ARCHIVED"
  | "PERMISSION_DENIED"
  | "ENTITLEMENT_REQUIRED"
  | "RATE_LIMITED"
  | "QUOTA_EXCEEDED";

/** A rule that a token fails. */
export interface Failure {
  verdict: Exclude<Verdict, "VALID">;
  metadata: Record<string, string>;
}

const ending: ReadonlySet<Verdict> = new Set<Verdict>([
  "INVALID",
  "EXPIRED",
  "REVOKED",
  "DISABLED",
  "ACCOUNT_REQUIRED",
  "ACCOUNT_MISMATCH",
  "ACCOUNT_SUSPENDED",
]);

/** Returns whether a token with these failures is one of an active account, and has not ended. It may lack a requirement. */
export function isAlive(failures: readonly Failure[]): boolean {
  return !failures.some(({ verdict }) => ending.has(verdict));
}

/** Returns the failure of a token that is not valid in an account. */
export function accountMismatch(accountId: string): Failure {
  return { verdict: "ACCOUNT_MISMATCH", metadata: { account_id: accountId } };
}

/** What a token must fulfil. An empty string or list requires nothing. */
export interface Requirements {
  accountId: string;
  workspaceId: string;
  permissions: readonly string[];
  entitlements: readonly string[];
  environment: Environment | undefined;
  /**
   * Set for the bearer of a call to this service, which may be a platform key that acts for the account that it names. Unset
   * for a token that a caller verifies.
   */
  acting?: ActingCall | undefined;
}

/** A call that a platform key may make for a tenant. */
export interface ActingCall {
  /** Whether the call also works while the account is suspended. */
  whileSuspended: boolean;
}
