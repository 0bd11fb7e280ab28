import type { ConnectRouter, HandlerContext } from "@connectrpc/connect";
import { caller, needs } from "latchkey/guard/connect";
import { PromptService } from "./gen/prompts_pb.ts";
import type { Prompts } from "./prompts.ts";

/** Returns the RPCs. The `requestGate` of the server finds the caller before an RPC runs. */
export function createRoutes(prompts: Prompts): (router: ConnectRouter) => void {
  return (router) =>
    router.service(PromptService, {
      listPrompts: needs("prompts:read")((_request, context) => ({
        prompts: [...prompts.list(accountOf(context))],
      })),
      createPrompt: needs("prompts:write")(({ text }, context) => ({
        prompt: prompts.add(accountOf(context), text),
      })),
    });
}

function accountOf({ values }: HandlerContext): string {
  const access = values.get(caller);
  if (!access) throw new Error("the RPC is not behind latchkey(guard)");
  return access.principal.accountId;
}
