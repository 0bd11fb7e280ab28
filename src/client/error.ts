import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/** What is wrong with one field of a request. */
export interface Violation {
  /** The path of the field, such as `metadata.name`. */
  readonly field: string;
  readonly description: string;
}

/** The details of a `LatchkeyError` besides its message. */
export interface ErrorDetails {
  readonly reason: string;
  readonly code: Code;
  readonly metadata?: Readonly<Record<string, string>>;
  readonly violations?: readonly Violation[];
  readonly retryAfterMs?: number | undefined;
  readonly requestId?: string | undefined;
  readonly cause?: unknown;
}

/**
 * The error of a call. The message is a sentence of the server, or of this client if no response arrived. It never contains
 * the caller's token.
 */
export class LatchkeyError extends Error {
  /**
   * The reason of the server, as docs/errors.md lists it. This client adds `INVALID_FIELDS` (see `violations`), `UNREACHABLE` (no
   * connection, or it broke) and `UNTRUSTED_CERTIFICATE`. If a response has no reason, this is the name of its code.
   */
  readonly reason: string;
  /** The code of Connect and gRPC. */
  readonly code: Code;
  /** The facts that belong to the reason, such as `permission`. */
  readonly metadata: Readonly<Record<string, string>>;
  /** What is wrong with the request, field by field. Empty unless the reason is `INVALID_FIELDS`. */
  readonly violations: readonly Violation[];
  /** The time after which a retry can succeed, if the server named one. */
  readonly retryAfterMs: number | undefined;
  /** The id of the request in the log of the server and in audit events, if a response arrived. */
  readonly requestId: string | undefined;

  constructor(message: string, { cause, metadata = {}, violations = [], ...details }: ErrorDetails) {
    super(message, { cause });
    this.name = "LatchkeyError";
    this.reason = details.reason;
    this.code = details.code;
    this.metadata = metadata;
    this.violations = violations;
    this.retryAfterMs = details.retryAfterMs;
    this.requestId = details.requestId;
  }
}

// The error codes of Node for a connection that could not be opened, or that broke.
const unreachable: Record<string, string> = {
  ECONNREFUSED: "the connection was refused",
  ENOTFOUND: "no host has this name",
  EAI_AGAIN: "the host name cannot be resolved now",
  EHOSTUNREACH: "there is no route to the host",
  ENETUNREACH: "there is no route to the network",
  ETIMEDOUT: "the connection timed out",
  ECONNRESET: "the connection was closed",
  EPIPE: "the connection was closed",
  ERR_STREAM_DESTROYED: "the connection was closed",
  ERR_STREAM_PREMATURE_CLOSE: "the connection was closed",
  EPROTO: "the server does not speak TLS on this port",
  ERR_SSL_WRONG_VERSION_NUMBER: "the server does not speak TLS on this port",
};

// With these codes, the request was not sent. So a retry is safe for every call.
const notSent = new Set(["ECONNREFUSED", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"]);

const untrusted: Record<string, string> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: "it is self-signed",
  SELF_SIGNED_CERT_IN_CHAIN: "its authority is not known here",
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its authority is not known here",
  UNABLE_TO_GET_ISSUER_CERT: "its authority is not known here",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its authority is not known here",
  CERT_HAS_EXPIRED: "it has expired",
  CERT_NOT_YET_VALID: "it is not valid yet",
  ERR_TLS_CERT_ALTNAME_INVALID: "it is for another host name",
};

/** Returns the error of a call to the server at `url`. */
export function toLatchkeyError(error: unknown, url: string): LatchkeyError {
  if (error instanceof LatchkeyError) return error;
  const failure = ConnectError.from(error);
  const system = systemCode(failure);
  const broken = system === undefined ? undefined : unreachable[system];
  if (broken !== undefined) {
    const details = { reason: "UNREACHABLE", code: Code.Unavailable, cause: failure };
    return new LatchkeyError(`cannot reach ${url}: ${broken}`, details);
  }
  const distrust = system === undefined ? undefined : untrusted[system];
  if (distrust !== undefined) {
    const details = { reason: "UNTRUSTED_CERTIFICATE", code: Code.Unavailable, cause: failure };
    return new LatchkeyError(`the certificate of ${url} is not trusted: ${distrust}`, details);
  }
  return fromAnswer(failure);
}

function fromAnswer(failure: ConnectError): LatchkeyError {
  const [info] = failure.findDetails(ErrorInfoSchema);
  const [retry] = failure.findDetails(RetryInfoSchema);
  const violations = failure
    .findDetails(BadRequestSchema)
    .flatMap((one) => one.fieldViolations)
    .map(({ field, description }) => ({ field, description }));
  return new LatchkeyError(failure.rawMessage, {
    reason: info?.reason || (violations.length > 0 ? "INVALID_FIELDS" : nameOf(failure.code)),
    code: failure.code,
    metadata: { ...info?.metadata },
    violations,
    retryAfterMs: retry?.retryDelay ? Math.max(0, durationMs(retry.retryDelay)) : headerMs(failure.metadata),
    requestId: failure.metadata.get("x-request-id") ?? undefined,
    cause: failure,
  });
}

/** Returns whether the server cannot have received the request. */
export function wasNotSent(error: LatchkeyError): boolean {
  return error.reason === "UNREACHABLE" && notSent.has(systemCode(error.cause) ?? "");
}

/** Returns whether the host name is wrong. Then a retry would fail too. */
export function hasNoHost(error: LatchkeyError): boolean {
  return (
    error.reason === "UNREACHABLE" &&
    ["ENOTFOUND", "EPROTO", "ERR_SSL_WRONG_VERSION_NUMBER"].includes(systemCode(error.cause) ?? "")
  );
}

// Connect keeps the error of Node as the cause of its own.
function systemCode(error: unknown): string | undefined {
  for (let one = error; one instanceof Error; one = one.cause) {
    if ("code" in one && typeof one.code === "string") return one.code;
  }
  return undefined;
}

// `Retry-After` in seconds. A date is not expected from Latchkey, and a proxy may send one.
function headerMs(headers: Headers): number | undefined {
  const text = headers.get("retry-after") ?? "";
  if (/^\d{1,9}$/.test(text)) return Number(text) * 1000;
  const at = Date.parse(text);
  return Number.isNaN(at) ? undefined : Math.max(0, at - Date.now());
}

function nameOf(code: Code): string {
  return Code[code].replace(/(?<=[a-z])(?=[A-Z])/g, "_").toUpperCase();
}
