import type { Interceptor } from "@connectrpc/connect";

/** Returns an interceptor that sends a bearer with every call. An empty token sends none. */
export function bearer(token: string): Interceptor {
  return (next) => (request) => {
    if (token !== "") request.header.set("authorization", `Bearer ${token}`);
    return next(request);
  };
}
