import { create } from "@bufbuild/protobuf";
import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import {
  BadRequestSchema,
  ErrorInfoSchema,
  RetryInfoSchema,
} from "../../../gen/google/rpc/error_details_pb.ts";
import { DomainError, type Reason } from "../../domain/kernel/error.ts";
import { accountBusy } from "../../domain/kernel/turn.ts";

/** The code of each reason: the table of errors. HTTP statuses follow from the codes. */
export const codes: Record<Reason, Code> = {
  MISSING_API_KEY: Code.Unauthenticated,
  INVALID_API_KEY: Code.Unauthenticated,
  EXPIRED_API_KEY: Code.Unauthenticated,
  REVOKED_API_KEY: Code.Unauthenticated,
  DISABLED_API_KEY: Code.Unauthenticated,
  INVALID_SESSION: Code.Unauthenticated,
  EXPIRED_SESSION: Code.Unauthenticated,
  REVOKED_SESSION: Code.Unauthenticated,
  INVALID_CREDENTIALS: Code.Unauthenticated,
  LOGIN_REQUIRED: Code.Unauthenticated,
  ACCOUNT_REQUIRED: Code.FailedPrecondition,
  ACCOUNT_MISMATCH: Code.PermissionDenied,
  ACCOUNT_SUSPENDED: Code.PermissionDenied,
  ENVIRONMENT_MISMATCH: Code.PermissionDenied,
  WORKSPACE_FORBIDDEN: Code.PermissionDenied,
  WORKSPACE_ARCHIVED: Code.PermissionDenied,
  PERMISSION_DENIED: Code.PermissionDenied,
  ENTITLEMENT_REQUIRED: Code.PermissionDenied,
  FOREIGN_ORIGIN: Code.PermissionDenied,
  RATE_LIMITED: Code.ResourceExhausted,
  QUOTA_EXCEEDED: Code.ResourceExhausted,
  LAST_OWNER: Code.FailedPrecondition,
  SYSTEM_KEY: Code.FailedPrecondition,
  IN_USE: Code.FailedPrecondition,
  ALREADY_USED: Code.FailedPrecondition,
  WRONG_STATE: Code.FailedPrecondition,
  BOUND_EXCEEDED: Code.FailedPrecondition,
  NOT_FOUND: Code.NotFound,
  ALREADY_EXISTS: Code.AlreadyExists,
  ETAG_MISMATCH: Code.Aborted,
  CONFLICT: Code.Aborted,
  REVOCATION_PENDING: Code.DeadlineExceeded,
  INVALID_FIELDS: Code.InvalidArgument,
  UNIMPLEMENTED: Code.Unimplemented,
  UNAVAILABLE: Code.Unavailable,
};

const domain = "latchkey";
const retryUnavailableMs = 1_000;

/** Classifies unexpected errors: an unreachable database, a busy account, or a bug. Clients never see the error of a bug. */
export interface ErrorPolicy {
  isUnavailable(error: unknown): boolean;
  /** Returns whether the database is reachable, but other work of the same account was in the way. */
  isBusy(error: unknown): boolean;
  /** Called once for every error that is a bug. */
  onBug(error: unknown): void;
}

/** Returns what a client sees of an error: the code of the table, details (google.rpc) and headers (RFC 6750, RFC 9110). */
export function toConnectError(error: unknown, policy: ErrorPolicy): ConnectError {
  if (error instanceof ConnectError) return error;
  if (error instanceof DomainError) return fromDomain(error);
  if (policy.isBusy(error)) return fromDomain(accountBusy());
  if (policy.isUnavailable(error)) {
    return fromDomain(new DomainError("UNAVAILABLE", "the database cannot be reached: try again"));
  }
  policy.onBug(error);
  return new ConnectError("internal error", Code.Internal);
}

/** Returns what a client sees of an error of the domain. */
export function fromDomain(error: DomainError): ConnectError {
  const code = codes[error.reason];
  const result = new ConnectError(error.message, code);
  const { reason, metadata, violations } = error;
  if (reason === "INVALID_FIELDS") {
    result.details.push({
      desc: BadRequestSchema,
      value: create(BadRequestSchema, { fieldViolations: violations }),
    });
  } else {
    result.details.push({
      desc: ErrorInfoSchema,
      value: create(ErrorInfoSchema, { reason, domain, metadata }),
    });
  }
  if (code === Code.Unauthenticated) {
    const challenge = reason === "MISSING_API_KEY" ? "" : ', error="invalid_token"';
    result.metadata.set("www-authenticate", `Bearer realm="${domain}"${challenge}`);
  }
  const retryMs = retryAfterMs(error);
  if (retryMs !== undefined) {
    const retryDelay = durationFromMs(retryMs);
    result.details.push({ desc: RetryInfoSchema, value: create(RetryInfoSchema, { retryDelay }) });
    result.metadata.set("retry-after", String(Math.max(1, Math.ceil(retryMs / 1000))));
  }
  return result;
}

function retryAfterMs({ reason, metadata }: DomainError): number | undefined {
  if (reason === "UNAVAILABLE") return retryUnavailableMs;
  if (reason !== "RATE_LIMITED" && reason !== "QUOTA_EXCEEDED") return undefined;
  // A quota without a period does not reset.
  if (reason === "QUOTA_EXCEEDED" && metadata.reset_at === undefined) return undefined;
  return Math.max(0, Date.parse(metadata.reset_at ?? "") - Date.now()) || retryUnavailableMs;
}
