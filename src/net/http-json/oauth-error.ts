import { Code, type ConnectError } from "@connectrpc/connect";
import { codeToHttpStatus } from "@connectrpc/connect/protocol-connect";
import { ErrorInfoSchema } from "../../../gen/google/rpc/error_details_pb.ts";

/** The status and the body of an error of OAuth (RFC 6749, section 5.2). */
export interface OAuthError {
  status: number;
  error: string;
  description: string;
}

// A token that `RevokeToken` cannot end.
const unsupported = "WRONG_STATE";

/** Returns an error of the service as OAuth expresses it. */
export function oauthError(failure: ConnectError): OAuthError {
  const [info] = failure.findDetails(ErrorInfoSchema);
  const error = nameOf(failure.code, info?.reason);
  return { status: codeToHttpStatus(failure.code), error, description: described(failure.rawMessage) };
}

/** Returns the JSON of an error. */
export function oauthErrorBody({ error, description }: Omit<OAuthError, "status">): string {
  return JSON.stringify({ error, error_description: description });
}

function nameOf(code: Code, reason: string | undefined): string {
  switch (code) {
    case Code.Unauthenticated:
      return "invalid_client";
    case Code.PermissionDenied:
      return reason === "PERMISSION_DENIED" ? "insufficient_scope" : "unauthorized_client";
    case Code.FailedPrecondition:
      return reason === unsupported ? "unsupported_token_type" : "invalid_request";
    case Code.Unavailable:
    case Code.ResourceExhausted:
      return "temporarily_unavailable";
    case Code.InvalidArgument:
      return "invalid_request";
    default:
      return "server_error";
  }
}

// Section 5.2 allows printable ASCII without quotation marks and backslashes.
function described(message: string): string {
  return message.replaceAll(/["\\`]/g, "'").replaceAll(/[^\x20-\x7e]/g, "?");
}
