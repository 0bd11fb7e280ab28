/** The reason of an error, as in the table of errors. `rpc/middleware/errors.ts` maps each reason to a code. */
export type Reason =
  | "MISSING_API_KEY"
  | "INVALID_API_KEY"
  | "EXPIRED_API_KEY"
  | "REVOKED_API_KEY"
  | "DISABLED_API_KEY"
  | "INVALID_SESSION"
  | "EXPIRED_SESSION"
  | "REVOKED_SESSION"
  | "INVALID_CREDENTIALS"
  | "LOGIN_REQUIRED"
  | "ACCOUNT_REQUIRED"
  | "ACCOUNT_MISMATCH"
  | "ACCOUNT_SUSPENDED"
  | "ENVIRONMENT_MISMATCH"
  | "WORKSPACE_FORBIDDEN"
  | "WORKSPACE_ARCHIVED"
  | "PERMISSION_DENIED"
  | "ENTITLEMENT_REQUIRED"
  | "FOREIGN_ORIGIN"
  | "RATE_LIMITED"
  | "QUOTA_EXCEEDED"
  | "LAST_OWNER"
  | "SYSTEM_KEY"
  | "IN_USE"
  | "ALREADY_USED"
  | "WRONG_STATE"
  | "BOUND_EXCEEDED"
  | "NOT_FOUND"
  | "ALREADY_EXISTS"
  | "ETAG_MISMATCH"
  | "CONFLICT"
  | "REVOCATION_PENDING"
  | "INVALID_FIELDS"
  | "UNIMPLEMENTED"
  | "UNAVAILABLE";

/** A wrong field of a request: its path in the names of the schema, and what was expected. */
export interface Violation {
  field: string;
  description: string;
}

/**
 * The error that an operation throws to refuse a call. The message is public. It is brief and actionable, and names no
 * facts of another tenant.
 */
export class DomainError extends Error {
  readonly reason: Reason;
  readonly metadata: Record<string, string>;
  readonly violations: Violation[];

  constructor(
    reason: Reason,
    message: string,
    metadata: Record<string, string> = {},
    violations: Violation[] = [],
  ) {
    super(message);
    this.reason = reason;
    this.metadata = metadata;
    this.violations = violations;
  }
}

/** Returns an error that names one wrong field. */
export function invalidField(field: string, description: string): DomainError {
  return invalidFields([{ field, description }]);
}

/** The most violations that one error names. */
export const maxViolations = 32;
const maxMessageLength = 4_096;

/**
 * Returns an error that names each wrong field once. It names the first `maxViolations` of them, so the message has a
 * bounded length.
 */
export function invalidFields(violations: readonly Violation[]): DomainError {
  const named = violations.slice(0, maxViolations);
  const message = named.map(textOf).join("; ");
  const isLong = message.length > maxMessageLength;
  return new DomainError(
    "INVALID_FIELDS",
    isLong ? `${message.slice(0, maxMessageLength - 1)}…` : message,
    {},
    named,
  );
}

/**
 * Returns the error for a missing resource. A resource of another account gets exactly the same error. The error never
 * names the id.
 */
export function notFound(noun: string): DomainError {
  return new DomainError("NOT_FOUND", `${noun} not found`);
}

// A violation of the whole body has no field.
function textOf({ field, description }: Violation): string {
  return field === "" ? description : `${field}: ${description}`;
}
