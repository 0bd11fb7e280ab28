import { createContextKey, type HandlerContext } from "@connectrpc/connect";
import { connectErrorOf } from "./connect-error.ts";
import { type Access, createCheck, createGate, type GateOptions } from "./gate.ts";
import type { Guard } from "./types.ts";

/** The key of the caller in `context.values`. The caller is null for a call without a token. */
export const caller = createContextKey<Access | null | undefined>(undefined, { description: "latchkey" });

/** Returns a `requestGate` that refuses every call without a valid token, before its body is read. */
export function latchkey(guard: Guard, options?: GateOptions<HandlerContext>) {
  const gate = createGate(guard, options);
  return async (context: HandlerContext): Promise<void> => {
    const { access, refusal } = await gate(context, context.requestHeader.get("authorization"));
    if (refusal) throw connectErrorOf(refusal);
    context.values.set(caller, access);
  };
}

/** Returns a wrapper for implementations of RPCs. They refuse a caller that lacks one of these permissions. */
export function needs(...permissions: string[]) {
  const check = createCheck(permissions);
  return <Input, Output>(implementation: (input: Input, context: HandlerContext) => Output) =>
    (input: Input, context: HandlerContext): Output => {
      const refusal = check(context.values.get(caller));
      if (refusal) throw connectErrorOf(refusal);
      return implementation(input, context);
    };
}
