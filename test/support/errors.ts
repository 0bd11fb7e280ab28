import { Code, ConnectError } from "@connectrpc/connect";
import { expect } from "vitest";
import { BadRequestSchema, ErrorInfoSchema, RetryInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";

/** An error as a client receives it. */
export interface Refusal {
  code: string;
  message: string;
  reason: string;
  metadata: Record<string, string>;
  violations: { field: string; description: string }[];
  /** Whether the error says when to retry. */
  retry: boolean;
  headers: Headers;
}

/** Waits until a call fails and returns its error. Fails if the call succeeds. */
export async function refusal(call: Promise<unknown>): Promise<Refusal> {
  const error = await call.then(
    () => expect.fail("expected the call to be refused"),
    (reason: unknown) => ConnectError.from(reason),
  );
  const [info] = error.findDetails(ErrorInfoSchema);
  const [bad] = error.findDetails(BadRequestSchema);
  return {
    code: Code[error.code] ?? "",
    message: error.rawMessage,
    reason: info?.reason ?? "",
    metadata: info?.metadata ?? {},
    violations: (bad?.fieldViolations ?? []).map(({ field, description }) => ({ field, description })),
    retry: error.findDetails(RetryInfoSchema).length > 0,
    headers: error.metadata,
  };
}

/** Returns how a call ends: `ok`, or the reason of its error. */
export async function outcome(call: Promise<unknown>): Promise<string> {
  const ended = await call.then(
    () => undefined,
    (error: unknown) => refusal(Promise.reject(error)),
  );
  return ended ? ended.reason || ended.code : "ok";
}
