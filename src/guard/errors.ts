import { durationMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { refused, retryUnavailableMs, unavailable } from "./refused.ts";
import type { GuardVerdict } from "./types.ts";

/** The server rejects the guard's own bearer. */
export interface Rejection {
  /** The reason of the server, such as `REVOKED_API_KEY`. */
  reason: string;
  message: string;
}

/** Returns why the server rejects the guard's own bearer, or undefined if an error has another cause. */
export function rejectionOf(error: unknown): Rejection | undefined {
  if (!(error instanceof ConnectError)) return undefined;
  if (error.code !== Code.Unauthenticated && error.code !== Code.PermissionDenied) return undefined;
  const [info] = error.findDetails(ErrorInfoSchema);
  return { reason: info?.reason ?? Code[error.code], message: error.rawMessage };
}

/** Returns the refusal of a token whose verification failed with this error. */
export function refusalOf(error: unknown): GuardVerdict {
  if (!(error instanceof ConnectError)) return unavailable();
  if (error.code === Code.InvalidArgument) return malformed(error);
  const [retry] = error.findDetails(RetryInfoSchema);
  const retryMs = retry?.retryDelay && durationMs(retry.retryDelay);
  return unavailable(Math.max(1, Math.ceil(retryMs ?? retryUnavailableMs)));
}

function malformed(error: ConnectError): GuardVerdict {
  const fields = error.findDetails(BadRequestSchema).flatMap((one) => one.fieldViolations);
  const isAboutToken = fields.length > 0 && fields.every(({ field }) => field === "token");
  return isAboutToken
    ? refused("INVALID_API_KEY")
    : refused("INVALID_FIELDS", { metadata: { violations: error.rawMessage } });
}
