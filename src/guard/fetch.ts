import { type Access, createCheck, createGate, type GateOptions } from "./gate.ts";
import type { Guard } from "./types.ts";

/** A handler of Next, Bun, Deno or a worker. The runtime passes the request first. */
export type Handler<Rest extends unknown[]> = (
  request: Request,
  ...rest: Rest
) => Response | Promise<Response>;

/** A handler that gets the caller after the request. The caller is null for a call without a token. */
export type Protected<Rest extends unknown[]> = (
  request: Request,
  latchkey: Access | null,
  ...rest: Rest
) => Response | Promise<Response>;

/** Returns a wrapper for handlers. A wrapped handler refuses every call without a valid token. */
export function latchkey(guard: Guard, options?: GateOptions<Request>) {
  const gate = createGate(guard, options);
  return <Rest extends unknown[]>(handler: Protected<Rest>): Handler<Rest> =>
    async (request, ...rest) => {
      const { access, refusal } = await gate(request, request.headers.get("authorization"));
      return refusal ? new Response(refusal.body, refusal) : handler(request, access, ...rest);
    };
}

/** Returns a wrapper for protected handlers. The handler refuses a caller that lacks one of these permissions. */
export function needs(...permissions: string[]) {
  const check = createCheck(permissions);
  return <Rest extends unknown[]>(handler: Protected<Rest>): Protected<Rest> =>
    async (request, latchkey, ...rest) => {
      const refusal = check(latchkey);
      return refusal ? new Response(refusal.body, refusal) : handler(request, latchkey, ...rest);
    };
}
