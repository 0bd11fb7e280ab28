import express, { type Express, type Request } from "express";
import type { Guard } from "latchkey/guard";
import { latchkey, needs } from "latchkey/guard/express";
import type { Prompts } from "./prompts.ts";

/** Creates the HTTP API. Every route needs a valid key, because `latchkey(guard)` is in front of all of them. */
export function createHttp(guard: Guard, prompts: Prompts): Express {
  const app = express();
  app.use(latchkey(guard));
  app.get("/v1/prompts", needs("prompts:read"), (request, response) => {
    response.json({ prompts: prompts.list(accountOf(request)) });
  });
  // The body of a refused call is not parsed.
  app.post("/v1/prompts", needs("prompts:write"), express.json(), (request, response) => {
    response.json(prompts.add(accountOf(request), String(request.body?.text ?? "")));
  });
  return app;
}

function accountOf({ latchkey }: Request): string {
  if (!latchkey) throw new Error("the route is not behind latchkey(guard)");
  return latchkey.principal.accountId;
}
