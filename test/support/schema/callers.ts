import type { DescMethod } from "@bufbuild/protobuf";
import { ruleOf } from "../../../src/rpc/middleware/access.ts";
import type { Clients, Owner, SharedApp } from "../app.ts";
import { nameOf } from "./requests.ts";

// Only a platform key that acts for the account may call these.
const byActing = ["SessionService/CreateEmbedSession"];

/** Returns whether the platform calls an RPC, and not the owner of an account. */
export function isByPlatform(method: DescMethod): boolean {
  return ruleOf(method).case === "platformPermission" || byActing.includes(nameOf(method));
}

/** Returns a caller that may call an RPC: the owner, or the platform key for an RPC of the platform. */
export function callerFor(app: SharedApp, owner: Owner, method: DescMethod): Clients {
  return isByPlatform(method) ? app.clientAs(app.platformToken, headersFor(owner, method)) : owner;
}

/** Returns the headers that the caller of an RPC sends besides its bearer. */
export function headersFor({ account }: Owner, method: DescMethod): Record<string, string> {
  return byActing.includes(nameOf(method)) ? { "latchkey-account": account.metadata?.id ?? "" } : {};
}
