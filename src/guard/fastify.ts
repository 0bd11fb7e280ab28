import type { FastifyPluginCallback, FastifyReply, FastifyRequest } from "fastify";
import { type Access, authorizationOf, createCheck, createGate, type GateOptions } from "./gate.ts";
import type { Refusal } from "./refusal.ts";
import type { Guard } from "./types.ts";

/** A plugin that refuses every call without a valid token. The handlers find the caller in `request.latchkey`. */
export function latchkey(guard: Guard, options?: GateOptions<FastifyRequest>): FastifyPluginCallback {
  const gate = createGate(guard, options);
  const plugin: FastifyPluginCallback = (app, _options, done) => {
    if (!app.hasRequestDecorator("latchkey")) app.decorateRequest("latchkey");
    app.addHook("onRequest", async (request, reply) => {
      const { access, refusal } = await gate(request, authorizationOf(request.raw));
      if (refusal) return send(reply, refusal);
      request.latchkey = access;
    });
    done();
  };
  // Without this mark, Fastify would protect only the routes that the plugin itself adds.
  return Object.assign(plugin, { [Symbol.for("skip-override")]: true });
}

/** Returns the `onRequest` hook of a route that refuses a caller that lacks one of these permissions. */
export function needs(...permissions: string[]) {
  const check = createCheck(permissions);
  return async (request: FastifyRequest, reply: FastifyReply) => {
    const refusal = check(request.latchkey);
    if (refusal) return send(reply, refusal);
  };
}

function send(reply: FastifyReply, { status, headers, body }: Refusal): FastifyReply {
  return reply.code(status).headers(headers).send(body);
}

declare module "fastify" {
  interface FastifyRequest {
    /** The caller, or null for a call without a token. */
    latchkey?: Access | null;
  }
}
