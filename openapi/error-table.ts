/** A row of the table of errors: the name and the meaning of a status, and its codes. */
export interface ErrorRow {
  name: string;
  description: string;
  codes: string[];
}

/**
 * The codes of each error response, in the order of docs/errors.md. A code is a reason, or the code of Connect in upper case.
 * A test compares this table with the reasons of the server.
 */
export const errorTable: Record<string, ErrorRow> = {
  "400": {
    name: "BadRequest",
    description: "A field is wrong (`INVALID_ARGUMENT`), or the state of a resource does not allow the call.",
    codes: [
      "INVALID_ARGUMENT",
      "ACCOUNT_REQUIRED",
      "LAST_OWNER",
      "SYSTEM_KEY",
      "IN_USE",
      "ALREADY_USED",
      "WRONG_STATE",
      "BOUND_EXCEEDED",
      "FAILED_PRECONDITION",
      "OUT_OF_RANGE",
    ],
  },
  "401": {
    name: "Unauthenticated",
    description: "The request has no bearer, or the server does not accept it.",
    codes: [
      "MISSING_API_KEY",
      "INVALID_API_KEY",
      "EXPIRED_API_KEY",
      "REVOKED_API_KEY",
      "DISABLED_API_KEY",
      "INVALID_SESSION",
      "EXPIRED_SESSION",
      "REVOKED_SESSION",
      "INVALID_CREDENTIALS",
      "LOGIN_REQUIRED",
      "UNAUTHENTICATED",
    ],
  },
  "403": {
    name: "PermissionDenied",
    description:
      "The bearer may not make this call. `FOREIGN_ORIGIN`: the call has the header of the console, but comes from another page.",
    codes: [
      "ACCOUNT_MISMATCH",
      "ACCOUNT_SUSPENDED",
      "ENVIRONMENT_MISMATCH",
      "WORKSPACE_FORBIDDEN",
      "WORKSPACE_ARCHIVED",
      "PERMISSION_DENIED",
      "ENTITLEMENT_REQUIRED",
      "FOREIGN_ORIGIN",
    ],
  },
  "404": {
    name: "NotFound",
    description: "The resource does not exist, or it belongs to another account.",
    codes: ["NOT_FOUND"],
  },
  "409": {
    name: "Conflict",
    description: "Another resource or another change is in the way.",
    codes: ["ALREADY_EXISTS", "ETAG_MISMATCH", "CONFLICT", "ABORTED"],
  },
  "413": {
    name: "ContentTooLarge",
    description: "The body is larger than this operation allows.",
    codes: ["CONTENT_TOO_LARGE"],
  },
  "415": {
    name: "UnsupportedMediaType",
    description:
      "The content type of the request is not `application/json`, or the content encoding is not supported.",
    codes: ["UNSUPPORTED_MEDIA_TYPE"],
  },
  "429": {
    name: "RateLimited",
    description: "A rate limit or a quota is exhausted. `Retry-After` says when to try again.",
    codes: ["RATE_LIMITED", "QUOTA_EXCEEDED", "RESOURCE_EXHAUSTED"],
  },
  "500": {
    name: "Internal",
    description: "A bug in Latchkey. The log of the server contains the cause.",
    codes: ["INTERNAL"],
  },
  "501": {
    name: "Unimplemented",
    description: "The server does not support this yet.",
    codes: ["UNIMPLEMENTED"],
  },
  "503": {
    name: "Unavailable",
    description: "The server cannot answer now. `Retry-After` says when to try again.",
    codes: ["UNAVAILABLE"],
  },
  "504": {
    name: "DeadlineExceeded",
    description:
      "The time of the call ended. `REVOCATION_PENDING`: the server saved the change, but not all instances confirmed it.",
    codes: ["REVOCATION_PENDING", "DEADLINE_EXCEEDED"],
  },
};
