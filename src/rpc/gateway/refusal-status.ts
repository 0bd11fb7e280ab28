import { Code, type ConnectError } from "@connectrpc/connect";

/** The statuses of a gateway's refusals. Every gateway passes at least 401 and 403 on to its client. */
export type RefusalStatus = 401 | 403 | 429 | 503;

/** Returns the HTTP status of a refusal. An error that is not about the client, and every bug, is 503: the client may retry. */
export function refusalStatus({ code }: Pick<ConnectError, "code">, hides429: boolean): RefusalStatus {
  switch (code) {
    case Code.Unauthenticated:
      return 401;
    case Code.PermissionDenied:
    case Code.FailedPrecondition:
    case Code.InvalidArgument:
      return 403;
    case Code.ResourceExhausted:
      return hides429 ? 403 : 429;
    default:
      return 503;
  }
}
