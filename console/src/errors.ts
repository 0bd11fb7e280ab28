import { Code, ConnectError } from "@connectrpc/connect";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../gen/google/rpc/error_details_pb.ts";

/** The sentence for people when no response of the server arrived. */
export const unreachable = "The server cannot be reached. Nothing was lost: try again in a moment.";

/** Returns the sentence of an error: the server's own, if it answered. */
export function sentenceOf(error: unknown): string {
  if (isUnreachable(error)) return unreachable;
  const sentence = ConnectError.from(error).rawMessage || "the server refused the request";
  return `${sentence[0]?.toUpperCase()}${sentence.slice(1)}${/[.!?]$/.test(sentence) ? "" : "."}`;
}

/** Returns the reason of an error, such as `PERMISSION_DENIED`. It is empty if the server gave none. */
export function reasonOf(error: unknown): string {
  return infoOf(error)?.reason ?? "";
}

/** Returns the metadata of an error, such as `account_ids`. */
export function metadataOf(error: unknown): Record<string, string> {
  return infoOf(error)?.metadata ?? {};
}

/** Returns what is wrong with each field of the request, by the path of the field, such as `metadata.name`. */
export function violationsOf(error: unknown): Record<string, string> {
  const details = ConnectError.from(error).findDetails(BadRequestSchema);
  const violations = details.flatMap((detail) => detail.fieldViolations);
  return Object.fromEntries(violations.map(({ field, description }) => [field, description]));
}

/** Returns the seconds to wait before a retry, if the server gave them. */
export function retryAfterOf(error: unknown): number | undefined {
  const [info] = ConnectError.from(error).findDetails(RetryInfoSchema);
  return info?.retryDelay && Number(info.retryDelay.seconds) + (info.retryDelay.nanos > 0 ? 1 : 0);
}

/** Returns whether the request or its response was lost on the way. `fetch` then rejects with a TypeError. */
export function isUnreachable(error: unknown): boolean {
  return error instanceof TypeError || (error instanceof ConnectError && error.cause instanceof TypeError);
}

const sessionReasons = ["MISSING_API_KEY", "INVALID_SESSION", "EXPIRED_SESSION", "REVOKED_SESSION"];

/** Returns whether the server refused the session, so that the user must log in. */
export function needsLogIn(error: unknown): boolean {
  return ConnectError.from(error).code === Code.Unauthenticated && sessionReasons.includes(reasonOf(error));
}

function infoOf(error: unknown) {
  return ConnectError.from(error).findDetails(ErrorInfoSchema)[0];
}
