import type { Interceptor } from "@connectrpc/connect";

/** Sends a bearer with every call; an empty token sends none. */
export function bearer(token: string): Interceptor {
  return (next) => (request) => {
    if (token !== "") request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
