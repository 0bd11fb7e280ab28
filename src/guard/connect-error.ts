import { durationFromMs } from "@bufbuild/protobuf/wkt";
import { ConnectError } from "@connectrpc/connect";
import { ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Refusal } from "./refusal.ts";

/** Returns a refusal as an error of Connect, with the details that Latchkey's own errors have. */
export function connectErrorOf(refusal: Refusal): ConnectError {
  const { message, code, trailers, reason, metadata, retryAfterMs } = refusal;
  const info = { desc: ErrorInfoSchema, value: { reason, domain: "latchkey", metadata: { ...metadata } } };
  const error = new ConnectError(message, code, trailers, [info]);
  if (retryAfterMs !== undefined) {
    const retryDelay = durationFromMs(retryAfterMs);
    error.details.push({ desc: RetryInfoSchema, value: { retryDelay } });
  }
  return error;
}
