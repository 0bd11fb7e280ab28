import type { IncomingMessage, ServerResponse } from "node:http";
import { authorizationOf } from "./authorization.ts";
import { type Access, createCheck, createGate, type GateOptions, whenDecided } from "./gate.ts";
import type { Guard } from "./types.ts";

type Next = (error?: unknown) => void;
type Protected = IncomingMessage & { latchkey?: Access | null };

/** Refuses every call without a valid token. The handlers behind it find the caller in `req.latchkey`. */
export function latchkey<Request extends Protected>(guard: Guard, options?: GateOptions<Request>) {
  const gate = createGate(guard, options);
  return (request: Request, response: ServerResponse, next: Next): void => {
    const decision = gate(request, authorizationOf(request));
    whenDecided(decision, next, ({ access, refusal }) => {
      if (refusal) return void response.writeHead(refusal.status, refusal.headers).end(refusal.body);
      request.latchkey = access;
      next();
    });
  };
}

/** Refuses a caller that lacks one of these permissions. It comes after `latchkey(guard)`. */
export function needs(...permissions: string[]) {
  const check = createCheck(permissions);
  return (request: Protected, response: ServerResponse, next: Next): void => {
    const refusal = check(request.latchkey);
    if (refusal) response.writeHead(refusal.status, refusal.headers).end(refusal.body);
    else next();
  };
}

declare global {
  namespace Express {
    interface Request {
      /** The caller, or null for a call without a token. */
      latchkey?: Access | null;
    }
  }
}
