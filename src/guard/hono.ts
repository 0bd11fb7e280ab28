import type { Context, MiddlewareHandler } from "hono";
import { type Access, createCheck, createGate, type GateOptions } from "./gate.ts";
import type { Guard } from "./types.ts";

/** Refuses every call without a valid token. The handlers behind it find the caller with `c.get("latchkey")`. */
export function latchkey(guard: Guard, options?: GateOptions<Context>): MiddlewareHandler {
  const gate = createGate(guard, options);
  return async (context, next) => {
    const { access, refusal } = await gate(context, context.req.header("authorization"));
    if (refusal) return new Response(refusal.body, refusal);
    context.set("latchkey", access);
    return next();
  };
}

/** Refuses a caller that lacks one of these permissions. It comes after `latchkey(guard)`. */
export function needs(...permissions: string[]): MiddlewareHandler {
  const check = createCheck(permissions);
  return async (context, next) => {
    const refusal = check(context.get("latchkey"));
    if (refusal) return new Response(refusal.body, refusal);
    return next();
  };
}

declare module "hono" {
  interface ContextVariableMap {
    /** The caller, or null for a call without a token. */
    latchkey: Access | null;
  }
}
