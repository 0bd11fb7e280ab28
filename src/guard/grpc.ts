import type { Metadata, ServerInterceptingCall, ServerInterceptor } from "@grpc/grpc-js";
import { createCheck, createGate, type GateOptions } from "./gate.ts";
import type { Call, Received } from "./grpc-call.ts";
import { authorizationOf, callerOf, internal, refuse, statusOf, withCaller } from "./grpc-call.ts";
import type { Guard } from "./types.ts";

export { callerOf } from "./grpc-call.ts";

/** Returns a server's interceptor that refuses every call without a valid token. `callerOf` returns the caller. */
export function latchkey(guard: Guard, options?: GateOptions<Received>): ServerInterceptor {
  const gate = createGate(guard, options);
  return ({ path }, call) => {
    const start = call.start.bind(call);
    call.start = (listener) => {
      const admit = async (metadata: Metadata) => {
        const { access, refusal } = await gate({ path, metadata }, authorizationOf(metadata));
        if (refusal) call.sendStatus(statusOf(refusal, metadata));
        else listener.onReceiveMetadata(withCaller(metadata, access));
      };
      start({
        onReceiveMetadata: (metadata) => void admit(metadata).catch(() => call.sendStatus(internal)),
        onReceiveMessage: (message) => listener.onReceiveMessage(message),
        onReceiveHalfClose: () => listener.onReceiveHalfClose(),
        onCancel: () => listener.onCancel(),
      });
    };
    return call as ServerInterceptingCall;
  };
}

/** Returns a wrapper for handlers. They refuse a caller that lacks one of these permissions. */
export function needs(...permissions: string[]) {
  const check = createCheck(permissions);
  return <C extends Call, Rest extends unknown[]>(handler: (call: C, ...rest: Rest) => void) =>
    (call: C, ...rest: Rest): void => {
      const refusal = check(callerOf(call));
      if (refusal) refuse(call, rest[0], statusOf(refusal, call.metadata));
      else handler(call, ...rest);
    };
}
