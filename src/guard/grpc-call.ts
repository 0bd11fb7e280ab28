import { setTrailerStatus } from "@connectrpc/connect/protocol-grpc";
import type { Metadata, StatusObject } from "@grpc/grpc-js";
import { connectErrorOf } from "./connect-error.ts";
import type { Access } from "./gate.ts";
import type { Refusal } from "./refusal.ts";

/** A call of grpc-js, as a handler gets it. */
export interface Call {
  readonly metadata: Metadata;
  emit(event: "error", error: unknown): boolean;
}

/** What the interceptor knows when it decides about a call: the path of the RPC, and what the client sent with it. */
export interface Received {
  readonly path: string;
  readonly metadata: Metadata;
}

const key = Symbol.for("latchkey.caller");
const detailsKey = "grpc-status-details-bin";

/** Returns the caller of a call: null without a token, undefined if `latchkey(guard)` is not among the interceptors. */
export function callerOf({ metadata }: Pick<Call, "metadata">): Access | null | undefined {
  return (metadata as Metadata & { [key]?: Access | null })[key];
}

/** Records the caller of a call in its metadata, which stays in this process. */
export function withCaller(metadata: Metadata, access: Access | null): Metadata {
  return Object.assign(metadata, { [key]: access });
}

/** Returns the `Authorization` of a call. If there are several, the result is no bearer. */
export function authorizationOf(metadata: Metadata): string | undefined {
  const [one, ...more] = metadata.get("authorization").map(String);
  return more.length > 0 ? "" : one;
}

/** Returns a refusal as the status of a call. `received` is the metadata of the call. */
export function statusOf(refusal: Refusal, received: Metadata): StatusObject {
  // The class is that of the service's own grpc-js, because this package does not depend on grpc-js.
  const metadata = new (received.constructor as new () => Metadata)();
  for (const [name, value] of Object.entries(refusal.trailers)) metadata.set(name, value);
  const trailers = new Headers();
  setTrailerStatus(trailers, connectErrorOf(refusal));
  const details = trailers.get(detailsKey);
  if (details !== null) metadata.set(detailsKey, Buffer.from(details, "base64"));
  return { code: refusal.code as number, details: refusal.message, metadata };
}

/** Ends a call in its handler. Calls with a stream of responses have no callback. */
export function refuse(call: Call, callback: unknown, status: StatusObject): void {
  if (typeof callback === "function") callback(status);
  else call.emit("error", status);
}

/** The status of a call that failed because of a bug in the service. */
export const internal = { code: 13, details: "internal error" };
